//! What holds when clients get other addresses, and where balancers stand.
//!
//! `SLUICE_REBINDS` says how many addresses each test goes through (or ten times as many as it has changes that are seen
//! to their end); `cargo xtask nightly` asks for the 10,000 of the targets.

use super::*;

/// How many addresses.
fn rebinds() -> u64 {
    let asked = std::env::var("SLUICE_REBINDS").ok();
    asked.map_or(500, |asked| asked.parse().expect("SLUICE_REBINDS is a number"))
}

/// What one lane of the scenario `text` has come to with `seed`.
fn lane_of(text: &str, seed: u64) -> (Migration, LaneReport) {
    let scenario: Scenario = toml::from_str(text).expect("valid");
    let plan = Plan::new(scenario, &Overrides { seed: Some(seed), ..NOTHING_MORE }).expect("valid");
    let report = run_virtual(&plan).expect("it runs");
    let [lane] = report.lanes.as_slice() else { panic!("one lane: {report:?}") };
    (lane.migration.expect("its address changes"), lane.clone())
}

/// As [`lane_of`] for one seed after the other, until `is_enough`.
fn lanes_of(text: &str, mut is_enough: impl FnMut(&Migration) -> bool) -> Vec<(Migration, LaneReport)> {
    let mut all = Vec::new();
    for seed in 1..=100 {
        all.push(lane_of(text, seed));
        if all.last().is_some_and(|(migration, _)| is_enough(migration)) {
            return all;
        }
    }
    panic!("100 runs are not enough");
}

fn sum(lanes: &[(Migration, LaneReport)], count: fn(&Migration) -> u64) -> u64 {
    lanes.iter().map(|(migration, _)| count(migration)).sum()
}

/// Virtual time counts everything.
fn counted(count: Option<u64>) -> u64 {
    count.expect("virtual time counts it")
}

/// One lane whose address changes four times a second, behind a balancer.
fn behind_a_balancer(balancer: &str, seconds: u64) -> String {
    format!(
        "name = 'a'\nsummary = 'b'\nseconds = {seconds}\nheartbeat_ms = 100\nfeed.messages_per_second = 20\n\
         network.preset = 'fibre'\naddress_changes.every_ms = 250\n[balancer]\n{balancer}\n\
         [[lanes]]\nmode = 'one-stream'"
    )
}

/// Seconds of four changes each, with what a run needs at its beginning and end; as many as a scenario takes at most.
fn seconds_for(changes: u64) -> u64 {
    (changes / 4 + 6).min(600)
}

fn all_consumed(lanes: &[(Migration, LaneReport)]) {
    for (_, lane) in lanes {
        let Messages { published, consumed, unfinished, lost, .. } = lane.messages;
        assert_eq!((consumed, unfinished, lost), (published, 0, 0), "{lane:?}");
    }
}

/// The target: 1,000 of 1,000 changes, over a mobile network; the gap is that between two messages.
#[test]
fn every_change_is_survived_and_the_gap_is_a_heartbeat_and_a_round_trip_and_a_half() {
    for (heartbeat_ms, rtt_ms) in [(1_000, 50.0), (250, 50.0)] {
        let text = format!(
            "name = 'a'\nsummary = 'b'\nseconds = 303\nheartbeat_ms = {heartbeat_ms}\nnetwork.preset = 'lte'\n\
             feed.messages_per_second = 50\naddress_changes.every_ms = 3_000\n[[lanes]]\nmode = 'stream-per-topic'"
        );
        let mut changes = 0;
        let lanes = lanes_of(&text, |migration| {
            changes += migration.address_changes;
            changes >= rebinds() / 10
        });
        let survived = sum(&lanes, |migration| migration.survived);
        let bound = f64::from(heartbeat_ms) + 1.5 * rtt_ms + 25.0;
        let p95 = lanes.iter().filter_map(|(migration, _)| Some(migration.gap?.p95_ms)).fold(0.0, f64::max);
        eprintln!(
            "heartbeat {heartbeat_ms} ms: {survived} of {changes} survive, gap p95 {p95} of {bound} ms"
        );
        assert_eq!(survived, changes);
        assert!(p95 <= bound, "{p95} ms");
        assert!(lanes.iter().all(|(_, lane)| lane.connections == 1));
        all_consumed(&lanes);
        // The server asks the new address, and the one before if that has answered. Where one change follows another at
        // once, the first address may never be used, or never answer; and whose answers are lost is asked once more.
        let [paths, challenges, responses] = [
            |migration: &Migration| migration.path_changes,
            |migration: &Migration| counted(migration.path_challenges),
            |migration: &Migration| counted(migration.path_responses),
        ]
        .map(|count| sum(&lanes, count));
        eprintln!("{paths} paths, {challenges} challenges, {responses} responses");
        assert!(paths.abs_diff(changes) * 100 <= changes * 2, "{paths} for {changes}");
        assert!(responses * 100 >= paths * 95, "{responses} of {paths}");
        assert!(challenges * 100 >= 2 * paths * 95, "{challenges} for {paths}");
    }
}

#[test]
fn by_connection_id_no_packet_is_misrouted_and_every_session_lives() {
    let text = behind_a_balancer("backends = 4\nrouting = 'connection-id'", seconds_for(rebinds()));
    let mut addresses = 0;
    let lanes = lanes_of(&text, |migration| {
        addresses += migration.addresses_used;
        addresses >= rebinds()
    });
    let misrouted = sum(&lanes, |migration| migration.misrouted_packets);
    let survived = sum(&lanes, |migration| migration.survived);
    let changes = sum(&lanes, |migration| migration.address_changes);
    eprintln!(
        "by connection ID: {misrouted} packets misrouted after {addresses} addresses, {survived} of {changes} changes survived"
    );
    assert_eq!((misrouted, survived), (0, changes));
    assert_eq!(sum(&lanes, |migration| counted(migration.stateless_resets)), 0);
    assert!(lanes.iter().all(|(_, lane)| lane.connections == 1), "{lanes:?}");
    all_consumed(&lanes);
}

#[test]
fn by_address_all_but_one_in_n_addresses_lead_to_another_backend() {
    // The target is 3 points at 10,000; with fewer, three standard errors where they are more.
    let tolerance = (1.5 / (rebinds() as f64).sqrt()).max(0.03);
    for backends in 2..=8u32 {
        let balancer = format!("backends = {backends}\nrouting = 'address'\nshares_reset_key = true");
        let text = behind_a_balancer(&balancer, seconds_for(rebinds()));
        let mut addresses = 0;
        let lanes = lanes_of(&text, |migration| {
            addresses += migration.addresses_used;
            addresses >= rebinds()
        });
        let misrouted = sum(&lanes, |migration| counted(migration.addresses_misrouted));
        let [packets, resets, believed, lost, resumed] = [
            |migration: &Migration| migration.misrouted_packets,
            |migration: &Migration| counted(migration.stateless_resets),
            |migration: &Migration| migration.believed_resets,
            |migration: &Migration| migration.connections_lost,
            |migration: &Migration| migration.sessions_resumed,
        ]
        .map(|count| sum(&lanes, count));
        let (share, expected) = (misrouted as f64 / addresses as f64, 1.0 - 1.0 / f64::from(backends));
        eprintln!(
            "{backends} backends: {misrouted} of {addresses} addresses misrouted = {share:.4}, 1 − 1/N = {expected:.4}; \
             {packets} packets, {resets} stateless resets, {lost} connections lost, {resumed} sessions resumed"
        );
        assert!((share - expected).abs() <= tolerance, "{backends} backends: {share} is not {expected}");
        // quinn answers what it does not know, once in 20 ms, and the client believes the first.
        assert!(resets <= packets && believed <= resets && believed * 10 >= misrouted * 8, "{lanes:?}");
        assert!(resumed <= lost && resumed * 10 >= lost * 9, "{lanes:?}");
        assert!(sum(&lanes, |migration| migration.resumed_elsewhere) > 0);
        assert_eq!(sum(&lanes, |migration| migration.sessions_lost), 0, "sessions and hub are shared");
        all_consumed(&lanes);
    }
}

/// Each backend has a key of its own, as servers have that do not know of each other: nobody believes their resets, and
/// the client waits until it gives the silence up, or gets an address that leads it back.
#[test]
fn a_reset_that_is_not_believed_leaves_silence() {
    let text = "name = 'a'\nsummary = 'b'\nseconds = 200\nnetwork.preset = 'fibre'\nfeed.messages_per_second = 20\n\
                address_changes.every_ms = 20_000\nbalancer = { backends = 8, routing = 'address' }\n\
                [[lanes]]\nmode = 'one-stream'";
    let (migration, lane) = lane_of(text, 1);
    eprintln!("{migration:?}");
    assert!(counted(migration.stateless_resets) > 20 && migration.believed_resets == 0, "{migration:?}");
    assert!(migration.connections_lost >= 5, "{migration:?}");
    let detect = migration.detect.expect("connections were lost");
    assert!(detect.p50_ms > 9_000.0 && detect.max_ms < 12_000.0, "{detect:?}");
    all_consumed(&[(migration, lane)]);
}

#[test]
fn without_migration_no_connection_outlives_its_address() {
    let text = "name = 'a'\nsummary = 'b'\nseconds = 120\nnetwork.preset = 'fibre'\nfeed.messages_per_second = 20\n\
                address_changes = { every_ms = 20_000, server_follows = false }\n[[lanes]]\nmode = 'one-stream'";
    for (text, what) in
        [(text.to_owned(), "address"), (text.replace("every", "part = 'port', every"), "port")]
    {
        let (migration, lane) = lane_of(&text, 1);
        assert_eq!(
            (migration.survived, migration.path_changes, migration.path_challenges),
            (0, 0, Some(0)),
            "{what}"
        );
        assert!(migration.connections_lost >= 4 && migration.address_changes >= 4, "{what}: {migration:?}");
        let detect = migration.detect.expect("connections were lost");
        assert!(detect.p50_ms > 9_000.0, "{what}: {detect:?}");
        all_consumed(&[(migration, lane)]);
    }
}

#[test]
fn another_port_keeps_the_congestion_window_and_another_address_does_not() {
    let text = |part| {
        format!(
            "name = 'a'\nsummary = 'b'\nseconds = 20\nnetwork.preset = 'cable'\nfeed.messages_per_second = 1_000\n\
             feed.payload_bytes = 1_000\naddress_changes = {{ every_ms = 2_000, part = '{part}' }}\n\
             [[lanes]]\nmode = 'one-stream'"
        )
    };
    let (by_port, by_address) = (lane_of(&text("port"), 1).0, lane_of(&text("address"), 1).0);
    for migration in [&by_port, &by_address] {
        assert!(
            migration.path_changes >= 8 && migration.survived == migration.address_changes,
            "{migration:?}"
        );
    }
    assert_eq!(by_port.window_resets, Some(0));
    assert_eq!(by_address.window_resets, Some(by_address.path_changes));
}

#[test]
fn a_tcp_connection_that_nobody_tells_is_silent_until_it_is_given_up() {
    let text = |tells| {
        format!(
            "name = 'a'\nsummary = 'b'\nseconds = 100\nnetwork.preset = 'lte'\nfeed.messages_per_second = 20\n\
             address_changes = {{ every_ms = 20_000, tells_client = {tells} }}\n[[lanes]]\nmode = 'websocket'"
        )
    };
    let (told, untold) = (lane_of(&text(true), 1), lane_of(&text(false), 1));
    for (migration, lane) in [&told, &untold] {
        // The last change may be too late for its silence to be noticed before the run ends.
        assert!(migration.survived == 0 && migration.address_changes >= 4, "{migration:?}");
        assert!(migration.connections_lost + 1 >= migration.address_changes, "{migration:?}");
        assert!(migration.sessions_resumed + 1 >= migration.address_changes, "{migration:?}");
        assert_eq!(lane.messages.consumed, lane.messages.published);
    }
    let detect = |(migration, _): &(Migration, LaneReport)| migration.detect.expect("connections were lost");
    assert_eq!(detect(&told).max_ms, 0.0);
    let untold = detect(&untold);
    assert!(untold.p50_ms >= 9_500.0 && untold.max_ms <= 11_100.0, "a heartbeat and its timeout: {untold:?}");
}

#[test]
fn clients_that_stay_where_they_are_do_not_notice_a_balancer() {
    let text = "name = 'a'\nsummary = 'b'\nseconds = 10\nseed = 3\nnetwork.preset = 'lte'\n\
                [[lanes]]\nmode = 'websocket'\n[[lanes]]\nmode = 'stream-per-topic'\n[[lanes]]\nmode = 'datagrams'";
    let run = |text: &str| {
        let plan = Plan::new(toml::from_str(text).expect("valid"), &NOTHING_MORE).expect("valid");
        run_virtual(&plan).expect("it runs").lanes
    };
    let alone = run(text);
    for routing in ["address", "connection-id"] {
        let balanced = format!("balancer = {{ backends = 5, routing = '{routing}' }}\n{text}");
        let balanced = run(&balanced);
        assert_eq!(balanced[0], alone[0], "{routing}: a WebSocket is as without it");
        for (lane, alone) in balanced.iter().zip(&alone) {
            assert_eq!(lane.connections, 1, "{routing}: {lane:?}");
            assert_eq!(lane.connected_after_ms, alone.connected_after_ms, "{routing}");
            assert_eq!(lane.messages.published, alone.messages.published, "{routing}");
        }
    }
}

#[test]
fn the_same_seed_meets_the_same_addresses() {
    let overrides = Overrides { seconds: Some(12), seed: Some(4), ..NOTHING_MORE };
    let (first, second) = (run("balancer-by-address", &overrides), run("balancer-by-address", &overrides));
    assert_eq!(first.to_json().expect("JSON"), second.to_json().expect("JSON"));
    assert!(table(&first).contains("misrouted / addresses"), "{}", table(&first));
    for lane in &first.lanes {
        let migration = lane.migration.expect("its address changes");
        assert!(migration.address_changes >= 1, "{lane:?}");
        assert_eq!(migration.address_changes, first.lanes[0].migration.expect("as well").address_changes);
    }
}

/// What a lab of the server does not have.
#[test]
fn what_virtual_time_alone_has_is_refused_in_real_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let shares = "shares_reset_key = true";
    for (balancer, told) in [
        ("backends = 2\nrouting = 'address'".to_owned(), "balancer.shares_reset_key = false"),
        (format!("backends = 1\nrouting = 'address'\n{shares}"), "balancer.backends = 1"),
        (format!("backends = 5\nrouting = 'connection-id'\n{shares}"), "balancer.backends = 5"),
        (
            format!(
                "backends = 2\nrouting = 'address'\n{shares}\n[address_changes]\nevery_ms = 500\nserver_follows = false"
            ),
            "balancer together with address_changes.server_follows = false",
        ),
    ] {
        let text = format!(
            "name = 'a'\nsummary = 'b'\nnetwork.preset = 'fibre'\n[balancer]\n{balancer}\n[[lanes]]\nmode = 'one-stream'"
        );
        let plan = Plan::new(toml::from_str(&text).expect("valid"), &NOTHING_MORE).expect("valid");
        let error = runtime.block_on(run_native(&plan)).expect_err("not in real time");
        assert_eq!(
            error.to_string(),
            format!("scenario a: {told} is played in virtual time only: add --virtual")
        );
    }
}

/// One more datagram, and one probe of the path's MTU, each time that the server turns to an address (see
/// `docs/migration.md`).
const EXCESS_BYTES: u64 = 1_200 + 1_452;

#[test]
fn copies_of_packets_turn_the_server_away_and_it_comes_back_each_time() {
    for (packets, original) in [(1, "follows"), (1, "dropped"), (8, "follows"), (8, "dropped")] {
        let text = format!(
            "name = 'a'\nsummary = 'b'\nseconds = 40\nnetwork.preset = 'lte'\n\
             spoof = {{ every_ms = 2_000, packets = {packets}, original = '{original}' }}\n\
             [[lanes]]\nmode = 'one-stream'\n[[lanes]]\nmode = 'datagrams'\n[[lanes]]\nmode = 'websocket'"
        );
        let plan = Plan::new(toml::from_str(&text).expect("valid"), &NOTHING_MORE).expect("valid");
        let report = run_virtual(&plan).expect("it runs");
        for lane in report.lanes.iter().filter(|lane| lane.transport == "webtransport") {
            let what = format!("{packets} {original}: {lane:?}");
            let spoofed = lane.spoof.expect("there are attacks");
            assert!(spoofed.attacks >= 17 && spoofed.copied_packets == spoofed.attacks * packets, "{what}");
            assert!(spoofed.turned >= spoofed.attacks && spoofed.turned <= spoofed.copied_packets, "{what}");
            assert_eq!(spoofed.turned, spoofed.returned, "{what}");
            let bound = 3 * spoofed.copied_bytes + spoofed.turned * EXCESS_BYTES;
            assert!(spoofed.reflected_bytes > 0 && spoofed.reflected_bytes <= bound, "{bound}: {what}");
            assert_eq!((lane.connections, lane.messages.lost), (1, 0), "{what}");
        }
        let websocket = lane(&report, Mode::WebSocket);
        assert_eq!((websocket.spoof, websocket.connections), (None, 1));
    }
}
