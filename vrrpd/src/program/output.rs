//! Output of a program, standard output and error: the beginning of it is kept.

use std::{io, os::fd::OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::{net::unix::pipe::Receiver, sync::OwnedSemaphorePermit};

use super::ProgramError;

/// Bytes that are kept. What comes after is read, counted and thrown away.
const KEPT: usize = 8_192;

/// Bytes that are read after the end: something that was left behind may go on writing.
const LAST: usize = 65_536;

/// Lines that are logged of one output.
const LINES: usize = 20;

/// Lines that a program has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    kept: Vec<u8>,
    /// Bytes beyond those.
    lost: u64,
}

impl Output {
    /// Reads its lines, without control characters; the last says what is missing.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.kept);
        let mut all = text.lines().map(|line| line.replace(char::is_control, " ").trim_end().to_owned());
        let mut lines: Vec<String> = all.by_ref().filter(|line| !line.is_empty()).take(LINES).collect();
        let more = all.count();
        if more > 0 || self.lost > 0 {
            lines.push(format!("({more} more lines and {} more bytes)", self.lost));
        }
        lines
    }

    /// Logs it line by line.
    pub(crate) fn log(&self, of: &str) {
        for line in self.lines() {
            tracing::info!(program = of, "{line}");
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        let (kept, lost) = bytes.split_at(room);
        self.kept.extend_from_slice(kept);
        self.lost += lost.len() as u64;
    }
}

/// The end of a program's output that the daemon reads.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
}

/// The reader's end and the program's.
pub(super) fn pipe() -> Result<(Pipe, OwnedFd), ProgramError> {
    let (reader, writer) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| ProgramError::Output(error.into()))?;
    Ok((Pipe { reader }, writer))
}

/// Reads one program's output.
#[derive(Debug)]
pub(super) struct Reader {
    /// `None` after its end.
    pipe: Option<Receiver>,
    output: Output,
}

impl Reader {
    pub(super) fn new(pipe: Pipe) -> Result<Self, ProgramError> {
        let pipe = Receiver::from_owned_fd(pipe.reader).map_err(ProgramError::Output)?;
        Ok(Self { pipe: Some(pipe), output: Output::default() })
    }

    /// Takes in what comes; returns at the end of the output.
    pub(super) async fn read(&mut self) {
        while let Some(pipe) = &self.pipe {
            if pipe.readable().await.is_err() {
                self.pipe = None;
            }
            self.read_some();
        }
    }

    /// Takes in what is there. Returns how much.
    fn read_some(&mut self) -> usize {
        let Some(pipe) = &self.pipe else { return 0 };
        let mut buffer = [0; 4_096];
        match pipe.try_read(&mut buffer) {
            Ok(length @ 1..) => {
                self.output.take_in(buffer.get(..length).unwrap_or(&buffer));
                length
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Ok(0) | Err(_) => {
                self.pipe = None;
                0
            }
        }
    }

    /// Takes what is there at the program's end, and the pipe if something still holds its other end.
    pub(super) fn finish(mut self) -> (Output, Option<Receiver>) {
        let mut read = 0;
        while read < LAST {
            match self.read_some() {
                0 => break,
                some => read += some,
            }
        }
        (self.output, self.pipe)
    }
}

/// Reads to the end and throws it away.
pub(super) async fn drain(pipe: Receiver, _permit: OwnedSemaphorePermit) {
    let mut reader = Reader { pipe: Some(pipe), output: Output { kept: vec![0; KEPT], lost: 0 } };
    reader.read().await;
}
