//! Both ends of the control socket.

use std::cell::RefCell;

use tokio::{
    io::AsyncWriteExt as _,
    net::UnixStream,
    runtime::{Builder, Runtime},
};
use vrrpd::{control, status::Status};

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

pub(crate) fn run(data: &[u8]) {
    RUNTIME.with_borrow_mut(|runtime| {
        let runtime = runtime.get_or_insert_with(|| {
            let built = Builder::new_current_thread().enable_all().build();
            built.unwrap_or_else(|error| panic!("no runtime: {error}"))
        });
        runtime.block_on(asked(data));
    });
    answered(data);
}

/// What the daemon reads of it is short, and nothing but what was sent.
async fn asked(data: &[u8]) {
    let (mut client, mut daemon) = UnixStream::pair().unwrap_or_else(|error| panic!("no sockets: {error}"));
    let few = &data[..data.len().min(4096)];
    let sent = client.write_all(few).await;
    assert!(sent.is_ok() && client.shutdown().await.is_ok());
    if let Ok(question) = control::question(&mut daemon).await {
        assert!(question.len() <= 64, "{question}");
        assert!(String::from_utf8_lossy(few).contains(&question), "{question}");
    }
}

/// What the client takes for a status it can show, and it is the same when it is written and read again.
fn answered(data: &[u8]) {
    let Ok(status) = serde_json::from_slice::<Status>(data) else { return };
    let shown = status.to_string();
    let again =
        serde_json::to_string(&status).ok().and_then(|text| serde_json::from_str::<Status>(&text).ok());
    assert_eq!(again.map(|again| again.to_string()), Some(shown));
}
