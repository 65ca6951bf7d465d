//! A child of fork must open its own storages. This is a separate program with one test, because fork and threads do not mix.

use lily_session::{Persistence, Runtime, Status, Storage};

extern "C" {
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(code: i32) -> !;
}

/// Runs a child, and returns its exit code.
fn in_child(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child calls no test harness, and ends without running what the parent registered.
    unsafe {
        let pid = fork();
        if pid == 0 {
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            _exit(match ran {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(_) => 2,
            });
        }
        let mut status = -1;
        assert_eq!(waitpid(pid, &mut status, 0), pid);
        status
    }
}

#[test]
fn a_child_opens_its_own() {
    let path = std::env::temp_dir().join(format!("lily-session-fork-{}", std::process::id()));
    let storage = Storage::open(&path).unwrap();
    let fields = || Persistence::new().field("visits", |visits: &i64| visits, |visits, new| *visits = new);
    let mut runtime = Runtime::new(0_i64, |visits: &mut i64, new: i64| *visits = new);
    let session = runtime.attach(fields(), &storage).unwrap();
    runtime.dispatch(1).unwrap();
    let before = std::fs::read(&path).unwrap();

    let (mut runtime, storage) = (Some(runtime), Some(storage));
    let inherited = in_child(|| {
        let (mut runtime, storage) = (runtime.take().unwrap(), storage.clone().unwrap());
        let forked = |result: lily_session::Result<()>| result.unwrap_err().status() == Status::Forked;
        let all_forked = forked(storage.set("k", "1"))
            && forked(storage.get("k").map(drop))
            && forked(runtime.dispatch(2))
            && forked(runtime.flush(&session));
        // Drop only frees memory.
        drop((runtime, storage));
        all_forked
    });
    assert_eq!(inherited, 0);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let own = in_child(|| {
        let storage = Storage::open(&path).unwrap();
        let mut runtime = Runtime::new(0_i64, |visits: &mut i64, new: i64| *visits = new);
        runtime.attach(fields(), &storage).unwrap();
        *runtime.model() == 1 && runtime.dispatch(5).is_ok()
    });
    assert_eq!(own, 0);

    let (mut runtime, storage) = (runtime.take().unwrap(), storage.unwrap());
    runtime.refresh(&session).unwrap();
    assert_eq!(*runtime.model(), 5);
    drop((runtime, storage));
    let _ = std::fs::remove_file(&path);
}
