//! FIN, RST, TIME-WAIT and keep-alive.

use std::time::Duration;

use sluice_shared::time::Time;
use sluice_tcp::{Config, EndReason, KeepAlive, Side, State, WriteError};

use crate::network::clean;
use crate::scene::{Scene, noise};

fn state(scene: &Scene, side: Side) -> State {
    scene.pair.endpoint(side).state()
}

#[test]
fn each_side_closes_its_own_stream_and_the_first_one_waits() {
    let mut scene = Scene::established(&clean(20), 1);
    scene.write(b"last words");
    scene.pair.close(Side::Client);
    assert_eq!(scene.pair.write(Side::Client, b"more"), Err(WriteError::Closed));
    scene.run(Duration::from_millis(10));
    assert_eq!(scene.read[1], b"last words");
    assert!(scene.pair.endpoint(Side::Server).is_read_finished());
    assert_eq!(state(&scene, Side::Server), State::CloseWait);
    scene.run(Duration::from_millis(10));
    assert_eq!(state(&scene, Side::Client), State::FinWait2);

    assert_eq!(scene.pair.write(Side::Server, b"a late answer"), Ok(13));
    scene.pair.close(Side::Server);
    scene.run(Duration::from_millis(10));
    assert_eq!(scene.read[0], b"a late answer");
    assert_eq!(state(&scene, Side::Client), State::TimeWait);
    scene.run(Duration::from_millis(10));
    assert_eq!(state(&scene, Side::Server), State::Closed);
    assert_eq!(scene.pair.endpoint(Side::Server).end_reason(), Some(EndReason::Finished));

    let waiting_since = scene.pair.now();
    scene.until(|scene| state(scene, Side::Client) == State::Closed);
    let waited = scene.pair.now().since(waiting_since);
    assert!((Duration::from_millis(59_900)..=Duration::from_secs(60)).contains(&waited), "{waited:?}");
}

#[test]
fn both_sides_may_close_at_once() {
    let mut scene = Scene::established(&clean(20), 1);
    scene.pair.close(Side::Client);
    scene.pair.close(Side::Server);
    scene.run(Duration::from_millis(15));
    assert_eq!((state(&scene, Side::Client), state(&scene, Side::Server)), (State::Closing, State::Closing));
    scene.run(Duration::from_millis(10));
    assert_eq!(
        (state(&scene, Side::Client), state(&scene, Side::Server)),
        (State::TimeWait, State::TimeWait)
    );
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut scene = Scene::established(&clean(20), 1);
    scene.pair.link_mut(Side::Client).block(true);
    scene.pair.close(Side::Client);
    scene.run(Duration::from_millis(1));
    scene.pair.link_mut(Side::Client).block(false);
    scene.until(|scene| state(scene, Side::Server) == State::CloseWait);
    scene.until(|scene| state(scene, Side::Client) == State::FinWait2);
}

#[test]
fn a_fin_behind_much_data_comes_after_all_of_it() {
    let data = noise(300_000);
    let mut scene = Scene::established(&clean(20), 1);
    scene.transfer(&data);
    assert_eq!(scene.pair.write(Side::Client, b"!"), Ok(1));
    scene.pair.close(Side::Client);
    scene.until(|scene| scene.pair.endpoint(Side::Server).is_read_finished());
    assert_eq!(scene.read[1].len(), data.len() + 1);
    assert_eq!(scene.read[1][..data.len()], data);
}

#[test]
fn a_reset_ends_both_sides() {
    let mut scene = Scene::established(&clean(20), 1);
    scene.write(b"half a sentence");
    scene.pair.abort(Side::Server);
    scene.run(Duration::from_millis(20));
    assert_eq!(scene.pair.endpoint(Side::Server).end_reason(), Some(EndReason::Aborted));
    assert_eq!(scene.pair.endpoint(Side::Client).end_reason(), Some(EndReason::Reset));
    assert_eq!(scene.pair.write(Side::Client, b"x"), Err(WriteError::Ended(EndReason::Reset)));
    scene.run(Duration::from_secs(200));
    assert!(!scene.step(Time::from_millis(10_000_000)), "nothing is under way any more");
}

#[test]
fn a_peer_that_is_gone_answers_with_a_reset() {
    let mut scene = Scene::established(&clean(20), 1);
    scene.pair.link_mut(Side::Server).block(true);
    scene.pair.abort(Side::Server);
    scene.run(Duration::from_millis(5));
    scene.pair.link_mut(Side::Server).block(false);
    assert_eq!(state(&scene, Side::Client), State::Established, "the reset was lost");
    scene.write(b"anybody there?");
    scene.run(Duration::from_millis(25));
    assert_eq!(scene.pair.endpoint(Side::Client).end_reason(), Some(EndReason::Reset));
}

#[test]
fn a_silent_peer_is_probed_and_given_up() {
    let keep_alive = KeepAlive { idle: Duration::from_secs(10), interval: Duration::from_secs(2), probes: 3 };
    let config = Config { keep_alive: Some(keep_alive), ..Config::default() };
    let mut scene = Scene::with(config, &clean(20), 1);
    scene.run(Duration::from_secs(100));
    for side in [Side::Client, Side::Server] {
        assert_eq!(state(&scene, side), State::Established, "probes are answered");
    }
    scene.pair.link_mut(Side::Client).block(true);
    scene.pair.link_mut(Side::Server).block(true);
    let since = scene.pair.now();
    scene.until(|scene| state(scene, Side::Client) == State::Closed);
    assert_eq!(scene.pair.endpoint(Side::Client).end_reason(), Some(EndReason::TimedOut));
    let waited = scene.pair.now().since(since);
    assert!((Duration::from_secs(6)..=Duration::from_secs(16)).contains(&waited), "{waited:?}");
}
