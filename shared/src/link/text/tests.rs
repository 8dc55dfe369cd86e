//! Profiles through text, good and bad.

use super::*;
use crate::link::Preset;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(text: &str) -> Result<NetworkProfile, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn every_preset_survives_toml_and_json() {
    for preset in Preset::ALL {
        let profile = preset.profile();
        let toml = toml::to_string(&profile).expect("a profile is a table");
        assert_eq!(read(&toml).as_ref(), Ok(&profile), "{preset}:\n{toml}");
        let json = serde_json::to_string(&profile).expect("a profile is an object");
        assert_eq!(serde_json::from_str::<NetworkProfile>(&json).ok(), Some(profile), "{preset}: {json}");
    }
}

#[test]
fn every_preset_is_valid_and_answers_to_its_name() {
    for preset in Preset::ALL {
        assert_eq!(preset.profile().validate(), Ok(()), "{preset}");
        assert_eq!(preset.name().parse(), Ok(preset));
        assert!(!preset.summary().is_empty());
    }
}

#[test]
fn an_unknown_name_suggests_the_near_one() {
    let error = "satelite".parse::<Preset>().expect_err("a letter is missing");
    assert_eq!(error.to_string(), "there is no network \"satelite\"; did you mean \"satellite\"?");
    let error = "moon".parse::<Preset>().expect_err("no such network");
    assert_eq!(error.to_string(), "there is no network \"moon\"");
}

#[test]
fn the_documented_example_means_what_it_says() {
    let profile = read(
        "[up]\ndelay_ms = 25\n[down]\ndelay_ms = 25\nrate_kbit = 20_000\nqueue_ms = 300\n\
         burst = { good_ms = 1_470, bad_ms = 30, loss_in_good_percent = 0, loss_in_bad_percent = 50 }\n\
         outages = [{ at_ms = 5_000, lasts_ms = 2_000 }]\noutages_repeat_ms = 7_000",
    )
    .expect("every setting is in its range");
    assert_eq!(profile.up, LinkProfile::delayed(Duration::from_millis(25)));
    let limits = profile.down.bottleneck.expect("a rate was given");
    assert_eq!(limits.rate, Bitrate::from_mbit_per_sec(20));
    assert_eq!(limits.queue_bytes(), ByteCount::new(750_000));
    assert!((profile.down.loss.mean() - 0.01).abs() < 1e-12);
    assert_eq!(profile.down.outages.next_end(Duration::ZERO), Some(Duration::from_secs(7)));
}

#[test]
fn nothing_given_is_nothing_done() {
    assert_eq!(read(""), Ok(NetworkProfile::none()));
    assert_eq!(serde_json::from_str::<NetworkProfile>("{}").ok(), Some(NetworkProfile::none()));
}

#[test]
fn a_value_out_of_range_is_named_with_its_range() {
    let cases = [
        ("[down]\ndelay_ms = -5", "down.delay_ms is -5; give 0 to 60000 ms"),
        ("[up]\njitter_ms = nan", "up.jitter_ms is NaN; give 0 to 60000 ms"),
        ("[up]\nrate_kbit = 0\nqueue_ms = 10", "up.rate_kbit is 0; give 1 to 10000000 kbit/s"),
        ("[up]\nrate_kbit = inf\nqueue_ms = 10", "up.rate_kbit is inf; give 1 to 10000000 kbit/s"),
        ("[up]\nrate_kbit = 9\nqueue_bytes = 0.5", "up.queue_bytes is 0.5; give 1 to 67108864 bytes"),
        ("[down]\nloss_percent = 101", "down.loss_percent is 101; give 0 to 100 %"),
        (
            "[up]\nburst = { good_ms = 0, bad_ms = 1, loss_in_good_percent = 0, loss_in_bad_percent = 0 }",
            "up.burst.good_ms is 0; give 1 to 3600000 ms",
        ),
        ("[up]\noutages = [{ at_ms = 0, lasts_ms = 0 }]", "up.outages.lasts_ms is 0; give 1 to 3600000 ms"),
    ];
    for (text, message) in cases {
        assert_eq!(read(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn a_contradiction_says_what_to_do() {
    let cases = [
        ("[up]\nqueue_ms = 10", "up.rate_kbit: a queue needs a rate"),
        ("[up]\nrate_kbit = 10", "up.queue_ms: a rate needs a queue"),
        ("[up]\nrate_kbit = 10\nqueue_ms = 1\nqueue_bytes = 1", "up.queue_ms: the queue has one size"),
        ("[down]\nlate_percent = 1", "down.late_percent: stragglers need late_by_ms"),
        (
            "[up]\nloss_percent = 1\nburst = { good_ms = 1, bad_ms = 1, loss_in_good_percent = 0, loss_in_bad_percent = 0 }",
            "up.loss_percent: give loss_percent or burst",
        ),
        (
            "[up]\noutages = [{ at_ms = 9, lasts_ms = 5 }, { at_ms = 10, lasts_ms = 5 }]",
            "up.outages: an outage begins before the one above it ends",
        ),
        ("[up]\noutages_repeat_ms = 100", "up.outages: nothing repeats"),
        (
            "[up]\noutages_repeat_ms = 100\noutages = [{ at_ms = 90, lasts_ms = 11 }]",
            "up.outages: the last outage ends after outages_repeat_ms",
        ),
    ];
    for (text, begin) in cases {
        let message = read(text).expect_err(text);
        assert!(message.starts_with(begin), "{text}: {message}");
    }
}

#[test]
fn an_unknown_setting_is_refused_with_the_known_ones() {
    let message = read("[up]\ndealy_ms = 5").expect_err("misspelt");
    assert!(message.contains("`dealy_ms`") && message.contains("`delay_ms`"), "{message}");
}

#[test]
fn a_profile_built_in_rust_is_checked_alike() {
    let error = NetworkProfile::symmetric(LinkProfile::delayed(Duration::from_secs(61))).validate();
    assert_eq!(
        error,
        Err(ProfileError::OutOfRange {
            setting: "up.delay_ms".into(),
            value: 61_000.0,
            limit: limits::DELAY
        })
    );
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn spans(limit: Limit) -> impl Strategy<Value = Duration> {
        (whole(limit.low * 1e3)..=whole(limit.high * 1e3)).prop_map(Duration::from_micros)
    }

    fn shares() -> impl Strategy<Value = Share> {
        (0..=Share::ALL.as_billionths()).prop_map(Share::from_billionths)
    }

    fn bottlenecks() -> impl Strategy<Value = BottleneckLimits> {
        let queues = prop_oneof![
            spans(limits::QUEUE_TIME).prop_map(QueueLimit::Time),
            (1..=64u64 << 20).prop_map(|bytes| QueueLimit::Bytes(ByteCount::new(bytes))),
        ];
        (1_000..=10_000_000_000u64, queues)
            .prop_map(|(bits, queue)| BottleneckLimits { rate: Bitrate::from_bits_per_sec(bits), queue })
    }

    fn losses() -> impl Strategy<Value = LossModel> {
        let bursts = (spans(limits::BURST_GOOD), spans(limits::BURST_BAD), shares(), shares()).prop_map(
            |(good, bad, loss_in_good, loss_in_bad)| BurstLoss { good, bad, loss_in_good, loss_in_bad },
        );
        prop_oneof![
            Just(LossModel::None),
            shares().prop_map(LossModel::Random),
            bursts.prop_map(LossModel::Burst)
        ]
    }

    fn links() -> impl Strategy<Value = LinkProfile> {
        let propagations =
            (spans(limits::DELAY), spans(limits::JITTER), any::<bool>(), shares(), 1..60_000u64, shares())
                .prop_map(|(delay, jitter, jitter_reorders, late, late_by, duplicate)| Propagation {
                    delay,
                    jitter,
                    jitter_reorders,
                    late,
                    late_by: Duration::from_micros(late_by),
                    duplicate,
                });
        let outages = (spans(limits::OUTAGE_LASTS), any::<bool>()).prop_map(|(lasts, repeats)| {
            let at = Duration::from_millis(20);
            OutageSchedule {
                outages: vec![Outage::new(at, lasts)],
                repeats_every: repeats.then(|| at + lasts * 2),
            }
        });
        (
            prop_oneof![Just(OutageSchedule::none()), outages],
            prop::option::of(bottlenecks()),
            losses(),
            propagations,
        )
            .prop_map(|(outages, bottleneck, loss, propagation)| LinkProfile {
                outages,
                bottleneck,
                loss,
                propagation,
            })
    }

    proptest! {
        #[test]
        fn any_valid_profile_survives_text(
            up in links(), down in links(), blocks_udp in any::<bool>(), renews_address in any::<bool>(),
        ) {
            let profile = NetworkProfile { up, down, blocks_udp, renews_address };
            prop_assert_eq!(profile.validate(), Ok(()));
            let toml = toml::to_string(&profile).expect("a profile is a table");
            prop_assert_eq!(read(&toml), Ok(profile.clone()));
            let json = serde_json::to_string(&profile).expect("a profile is an object");
            prop_assert_eq!(serde_json::from_str::<NetworkProfile>(&json).ok(), Some(profile));
        }

        #[test]
        fn no_text_makes_it_panic(delay in any::<f64>(), rate in any::<f64>(), queue in any::<f64>()) {
            let json = format!(
                r#"{{"up":{{"delay_ms":{delay:?},"rate_kbit":{rate:?},"queue_bytes":{queue:?}}}}}"#
            );
            if let Ok(profile) = serde_json::from_str::<NetworkProfile>(&json) {
                prop_assert_eq!(profile.validate(), Ok(()));
            }
        }
    }
}
