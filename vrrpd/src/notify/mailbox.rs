//! A queue with room for so many, between whoever has news and the one task that takes its time with them.
//!
//! Nobody waits to put something in: what finds no room is given back, and its owner says so.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Notify;

use super::lock;

/// Queue of what waits for one reader, in the order in which it came.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    contents: Mutex<Contents<T>>,
    /// Rung when something has changed. Keeps one ring for a reader that is not there yet, so none is missed; a second
    /// reader would miss some.
    bell: Notify,
    room: usize,
    overflow: Overflow<T>,
}

/// Choice of what goes when there is no room.
#[derive(Debug)]
pub(super) enum Overflow<T> {
    /// The one that has waited longest.
    Oldest,
    /// All of the same subject, which say what is no longer true. The latest of each subject stays, so that there are never
    /// more than the room has places and subjects there are.
    Superseded {
        /// Tells whether two are of one subject.
        by: fn(&T, &T) -> bool,
    },
}

#[derive(Debug)]
struct Contents<T> {
    waiting: VecDeque<T>,
    /// Says that the reader is at work on one that it has taken.
    busy: bool,
    closed: bool,
}

impl<T> Mailbox<T> {
    /// Makes an empty one.
    pub(super) fn new(room: usize, overflow: Overflow<T>) -> Self {
        let contents = Contents { waiting: VecDeque::new(), busy: false, closed: false };
        Self { contents: Mutex::new(contents), bell: Notify::new(), room, overflow }
    }

    /// Puts one in, behind all others, and returns those that had to go for it. Never waits.
    #[must_use = "what is left out is to be said"]
    pub(super) fn push(&self, item: T) -> Vec<T> {
        let mut contents = self.contents();
        let left_out = if contents.waiting.len() < self.room {
            Vec::new()
        } else {
            contents.make_room(&item, &self.overflow)
        };
        contents.waiting.push_back(item);
        drop(contents);
        self.bell.notify_one();
        left_out
    }

    /// Waits for the next one; `None` when it is [closed](Self::close) and all have been taken.
    pub(super) async fn next(&self) -> Option<T> {
        loop {
            {
                let mut contents = self.contents();
                let next = contents.waiting.pop_front();
                contents.busy = next.is_some();
                if next.is_some() || contents.closed {
                    return next;
                }
            }
            self.bell.notified().await;
        }
    }

    /// Says that nothing more will come. What waits is still taken.
    pub(super) fn close(&self) {
        self.contents().closed = true;
        self.bell.notify_one();
    }

    /// Tells whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.contents().closed
    }

    /// Waits until it is closed. For the reader, while it waits for something else.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.bell.notified().await;
        }
    }

    /// Tells whether nothing waits, and the reader is done with all that it has taken.
    pub(super) fn is_idle(&self) -> bool {
        let contents = self.contents();
        contents.waiting.is_empty() && !contents.busy
    }

    /// Number of those that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.contents().waiting.len()
    }

    fn contents(&self) -> MutexGuard<'_, Contents<T>> {
        lock(&self.contents)
    }
}

impl<T> Contents<T> {
    fn make_room(&mut self, item: &T, overflow: &Overflow<T>) -> Vec<T> {
        match overflow {
            Overflow::Oldest => self.waiting.pop_front().into_iter().collect(),
            Overflow::Superseded { by } => {
                let (superseded, kept): (Vec<_>, _) =
                    std::mem::take(&mut self.waiting).into_iter().partition(|older| by(older, item));
                self.waiting = kept.into();
                superseded
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use futures_util::poll;

    use super::*;

    type Item = (char, u32);

    fn oldest_goes(room: usize) -> Mailbox<Item> {
        Mailbox::new(room, Overflow::Oldest)
    }

    fn superseded_go(room: usize) -> Mailbox<Item> {
        Mailbox::new(room, Overflow::Superseded { by: |older, newer| older.0 == newer.0 })
    }

    async fn all(mailbox: &Mailbox<Item>) -> Vec<Item> {
        mailbox.close();
        let mut taken = Vec::new();
        while let Some(item) = mailbox.next().await {
            taken.push(item);
        }
        taken
    }

    #[tokio::test]
    async fn what_is_put_in_comes_out_in_order_also_after_the_end_was_told() {
        let mailbox = oldest_goes(3);
        for item in [('a', 1), ('b', 2), ('a', 3)] {
            assert!(mailbox.push(item).is_empty());
        }
        assert_eq!(all(&mailbox).await, [('a', 1), ('b', 2), ('a', 3)]);
        assert_eq!(mailbox.next().await, None, "nothing comes after the end");
    }

    #[tokio::test]
    async fn a_full_one_gives_back_the_one_that_has_waited_longest() {
        let mailbox = oldest_goes(2);
        let left_out: Vec<_> = (1..=4).map(|number| mailbox.push(('a', number))).collect();
        assert_eq!(left_out, [vec![], vec![], vec![('a', 1)], vec![('a', 2)]]);
        assert_eq!(mailbox.len(), 2);
        assert_eq!(all(&mailbox).await, [('a', 3), ('a', 4)]);
    }

    #[tokio::test]
    async fn a_full_one_gives_back_what_is_no_longer_true_and_keeps_the_latest_of_each_subject() {
        let mailbox = superseded_go(3);
        for item in [('a', 1), ('b', 2), ('a', 3)] {
            assert!(mailbox.push(item).is_empty(), "there is room");
        }
        assert_eq!(mailbox.push(('a', 4)), [('a', 1), ('a', 3)]);
        assert_eq!(mailbox.push(('c', 5)), []);
        assert_eq!(mailbox.push(('d', 6)), [], "the first of its subject is never left out");
        assert_eq!(mailbox.push(('b', 7)), [('b', 2)]);
        for number in 8..100 {
            assert_eq!(mailbox.push(('d', number)).len(), 1);
        }
        assert_eq!(mailbox.len(), 4, "one for each subject");
        assert_eq!(all(&mailbox).await, [('a', 4), ('c', 5), ('b', 7), ('d', 99)]);
    }

    #[tokio::test]
    async fn its_reader_is_woken_by_what_comes_and_by_the_end() {
        let mailbox = oldest_goes(1);
        {
            let mut next = pin!(mailbox.next());
            assert!(poll!(&mut next).is_pending());
            drop(mailbox.push(('a', 1)));
            assert_eq!(poll!(&mut next), Poll::Ready(Some(('a', 1))));
        }
        let mut next = pin!(mailbox.next());
        assert!(poll!(&mut next).is_pending());
        mailbox.close();
        assert_eq!(poll!(&mut next), Poll::Ready(None));
    }

    #[tokio::test]
    async fn a_reader_that_waits_for_the_end_is_not_told_it_by_what_comes() {
        let mailbox = oldest_goes(1);
        let mut closed = pin!(mailbox.closed());
        drop(mailbox.push(('a', 1)));
        assert!(poll!(&mut closed).is_pending() && !mailbox.is_closed());
        mailbox.close();
        assert!(poll!(&mut closed).is_ready() && mailbox.is_closed());
        assert_eq!(mailbox.next().await, Some(('a', 1)), "the ring that was used up loses nothing");
    }

    #[tokio::test]
    async fn it_is_idle_when_the_reader_is_done_and_not_when_it_has_taken_the_last() {
        let mailbox = oldest_goes(1);
        assert!(mailbox.is_idle());
        drop(mailbox.push(('a', 1)));
        assert!(!mailbox.is_idle());
        assert_eq!(mailbox.next().await, Some(('a', 1)));
        assert!(!mailbox.is_idle(), "it is at work on it");
        assert!(poll!(pin!(mailbox.next())).is_pending());
        assert!(mailbox.is_idle());
    }
}
