//! The executor.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use sluice_shared::time::Time;
use sluice_wire::{Elapsed, Net, Stage, StageClock, Stuck};

use crate::world::{at, profile};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn virtual_time_jumps_to_what_is_due() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let began = Instant::now();
    let end = stage.run(async {
        handle.sleep(HOUR).await;
        handle.now()
    });
    assert_eq!(end, Ok(at(HOUR)));
    assert!(began.elapsed() < HOUR);
    assert_eq!(handle.time_of(handle.instant()), at(HOUR));
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_spawned_or_set_their_timers() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for number in 0..5 {
        let (handle, seen) = (handle.clone(), Arc::clone(&seen));
        stage.handle().spawn(async move {
            seen.lock().expect("no panic").push(number);
            // The later a task was spawned the earlier it wakes, but for the last two, who wake together.
            handle.sleep_until(Time::from_millis(10 - u64::min(number, 3))).await;
            seen.lock().expect("no panic").push(10 + number);
        });
    }
    stage.run(handle.sleep(Duration::from_millis(20))).expect("a timer is due");
    assert_eq!(*seen.lock().expect("no panic"), [0, 1, 2, 3, 4, 13, 14, 12, 11, 10]);
}

#[test]
fn a_task_that_nothing_can_wake_is_reported() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let stuck = stage.run(async {
        handle.sleep(Duration::from_millis(3)).await;
        pending::<()>().await;
    });
    assert_eq!(stuck, Err(Stuck::Idle(Time::from_millis(3))));
    let real = Stage::new(StageClock::Real);
    assert!(matches!(real.run(pending::<()>()), Err(Stuck::Idle(_))));
}

#[test]
fn a_task_that_spins_is_reported() {
    let stage = Stage::new(StageClock::Virtual);
    let spin = std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert_eq!(stage.run(spin), Err(Stuck::Spinning(Time::ZERO)));
}

#[test]
fn a_timeout_drops_what_takes_too_long_and_lets_through_what_is_in_time() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let (late, in_time) = stage
        .run(async {
            let late = handle.timeout(Duration::from_millis(5), pending::<()>()).await;
            let in_time =
                handle.timeout(Duration::from_millis(5), handle.sleep(Duration::from_millis(5))).await;
            (late, in_time)
        })
        .expect("timers are due");
    assert_eq!(late, Err(Elapsed));
    assert_eq!(in_time, Ok(()));
    assert_eq!(handle.now(), Time::from_millis(10));
}

#[test]
fn a_sleep_can_be_set_anew_before_and_after_its_end() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let mut sleep = handle.sleep(HOUR);
    let given_up = stage.run(handle.timeout(Duration::from_millis(1), &mut sleep)).expect("a timer is due");
    assert_eq!(given_up, Err(Elapsed));
    sleep.reset(Time::from_millis(3));
    stage.run(&mut sleep).expect("a timer is due");
    assert_eq!(handle.now(), Time::from_millis(3));
    sleep.reset(Time::from_millis(7));
    stage.run(&mut sleep).expect("a timer is due");
    assert_eq!(handle.now(), Time::from_millis(7));
}

#[test]
fn a_second_run_goes_on_with_what_the_first_left() {
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let is_done = Arc::new(AtomicBool::new(false));
    let (task, done) = (handle.clone(), Arc::clone(&is_done));
    let first = async {
        let mut sleep = handle.sleep(Duration::from_millis(2));
        // Its timer is set before the task's, so that both are woken at one moment and the task comes second.
        std::future::poll_fn(|cx| {
            assert!(sleep.poll_due(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        handle.spawn(async move {
            task.sleep_until(Time::from_millis(2)).await;
            done.store(true, Ordering::SeqCst);
        });
        sleep.await;
    };
    stage.run(first).expect("a timer is due");
    assert_eq!((handle.now(), is_done.load(Ordering::SeqCst)), (Time::from_millis(2), false));
    stage.run(handle.sleep(Duration::from_millis(1))).expect("a timer is due");
    assert!(is_done.load(Ordering::SeqCst));
}

#[test]
fn in_real_time_another_thread_can_wake_a_task() {
    let stage = Stage::new(StageClock::Real);
    let handle = stage.handle();
    let shared = Arc::new(Mutex::new((false, None::<Waker>)));
    let theirs = Arc::clone(&shared);
    let waiting = std::future::poll_fn(move |cx| {
        let mut shared = shared.lock().expect("no panic");
        shared.1 = Some(cx.waker().clone());
        if shared.0 { Poll::Ready(()) } else { Poll::Pending }
    });
    let other = std::thread::spawn(move || {
        loop {
            let mut shared = theirs.lock().expect("no panic");
            if let Some(waker) = shared.1.take() {
                shared.0 = true;
                drop(shared);
                waker.wake();
                return;
            }
            drop(shared);
            std::thread::yield_now();
        }
    });
    let woken = stage.run(handle.timeout(Duration::from_secs(60), waiting)).expect("a timer is due");
    assert_eq!(woken, Ok(()));
    other.join().expect("the other thread has woken the task");
}

/// Shows in `dropped` when it goes.
struct Guard(u32, Arc<Mutex<Vec<u32>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.1.lock().expect("no panic").push(self.0);
    }
}

#[test]
fn a_stage_that_goes_leaves_nothing_behind() {
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let stage = Stage::new(StageClock::Virtual);
    let handle = stage.handle();
    let net = Net::new(&handle, &profile(0), 1);
    let mut kept: Vec<Weak<Guard>> = Vec::new();
    for number in 0..3 {
        let guard = Arc::new(Guard(number, Arc::clone(&dropped)));
        kept.push(Arc::downgrade(&guard));
        // Each holds the stage, a timer that holds the task's waker, and a connection that does.
        let (task, net) = (handle.clone(), net.clone());
        handle.spawn(async move {
            let listener = net.listen(u16::try_from(number).expect("small"));
            task.spawn(async move { listener.accept().await.abort() });
            let socket = net.bind_client();
            let received = task.timeout(HOUR, socket.recv_from()).await;
            drop((guard, received));
        });
    }
    stage.run(handle.sleep(Duration::from_millis(1))).expect("a timer is due");
    assert!(kept.iter().all(|guard| guard.upgrade().is_some()));
    drop(stage);
    assert!(kept.iter().all(|guard| guard.upgrade().is_none()));
    assert_eq!(*dropped.lock().expect("no panic"), [0, 1, 2], "in the order in which they were spawned");

    let late = Arc::new(());
    let weak = Arc::downgrade(&late);
    handle.spawn(async move { drop(late) });
    assert!(weak.upgrade().is_none(), "nothing would ever run it");
}
