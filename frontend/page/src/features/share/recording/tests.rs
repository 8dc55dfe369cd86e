use super::*;

const HOSTILE: &str = "a<b>&\"c\"\\\u{1}\u{202e} </script>";

fn column(index: u64, count: u32) -> AgeColumn {
    if count == 0 {
        return AgeColumn { index, gaps: 4, stall: true, ..AgeColumn::default() };
    }
    AgeColumn { index, count, min: 900, mean: 1_200, max: 34_000, gaps: 0, stall: false }
}

/// Returns a recording of two lanes that contains every kind of data.
pub(in crate::features::share) fn recording() -> Recording {
    let at = |millis: u64| Time::from_millis(1_796_097_185_000 + millis);
    let first = at(0).as_micros() / AgeColumn::WIDTH_MICROS;
    let modes = vec![Mode::WebSocket, Mode::StreamPerTopic];
    let series_styles = series_styles(&modes);
    let lane = |position: usize, name: &str, columns: Vec<AgeColumn>, phases| SceneLane {
        series_style: series_styles[position],
        name: name.to_owned(),
        columns,
        phases,
    };
    let open = |from, until, transport| (at(from), at(until), Phase::Open(transport));
    Recording {
        app: "0.9.1".to_owned(),
        saved_at: at(30_010),
        link: "?lane=websocket&lane=stream-per-topic&net=lte".to_owned(),
        scene: Scene {
            from: at(0),
            until: at(30_000),
            lanes: vec![
                lane(
                    0,
                    HOSTILE,
                    vec![column(first, 3), column(first + 7, 0), column(first + 600, 1)],
                    vec![
                        open(0, 5_000, Transport::WebSocket),
                        (at(5_000), at(5_100), Phase::Down),
                        (at(5_100), at(6_000), Phase::Waiting(at(6_000))),
                        (at(6_000), at(7_000), Phase::Reconnecting),
                        open(7_000, 30_000, Transport::WebSocket),
                    ],
                ),
                lane(
                    1,
                    "Stream per topic",
                    vec![column(first + 1, 2)],
                    vec![
                        (at(0), at(10), Phase::Idle),
                        (at(10), at(90), Phase::Connecting),
                        open(90, 30_000, Transport::WebTransport),
                    ],
                ),
            ],
            outages: vec![
                OutageSpan { from: at(5_000), until: Some(at(5_900)) },
                OutageSpan { from: at(29_000), until: None },
            ],
            marks: vec![Mark { at: at(8_000), label: "new address".to_owned() }],
            epochs: vec![Mark { at: at(100), label: HOSTILE.to_owned() }],
            is_recorded: true,
        },
        modes,
        epoch: "since LTE, 29 s".to_owned(),
        verdict: "WebSocket lost 3 messages.".to_owned(),
        log: vec![
            LogLine { number: 1, at: at(20), level: Level::Warning, lane: None, text: HOSTILE.to_owned() },
            LogLine {
                number: 0,
                at: at(10),
                level: Level::Info,
                lane: Some("A".to_owned()),
                text: "b".to_owned(),
            },
        ],
    }
}

#[test]
fn a_recording_survives_its_file() {
    let recording = recording();
    let text = recording.to_json();
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("the file is JSON");
    assert_eq!(parsed["lanes"][0]["name"], HOSTILE);
    assert_eq!(decode(&text), Ok(recording));
}

#[test]
fn a_tampered_file_is_refused_with_the_place_of_the_damage() {
    let text = recording().to_json();
    let index = recording().scene.lanes[0].columns[1].index;
    for (from, to, expected) in [
        ("\"mode\":\"websocket\"", "\"mode\":\"pigeon\"", "lanes.0.mode is none that is known"),
        (&format!("[{index},"), "[1,", "lanes.0.columns.1 is out of order or out of range"),
        ("900,1200,34000", "900,1200,34", "lanes.0.columns.0 is out of order or out of range"),
        ("900,1200,34000", "900,1200,-5", "lanes.0.columns.0.4 is not a number of its range"),
        ("\"verdict\":", "\"verdikt\":", "verdict is missing"),
        ("\"phase\":\"down\"", "\"phase\":\"asleep\"", "lanes.0.phases.1.phase has an unknown value"),
        ("\"level\":\"warning\"", "\"level\":7", "log.0.level is not a string"),
        ("\"until\":1796097215000000,", "\"until\":1796097185000000,", "until is out of range"),
        ("\"until\":1796097215000000,", "\"until\":99999999999999999,", "until is out of range"),
    ] {
        let tampered = text.replacen(from, to, 1);
        assert_ne!(tampered, text, "{from} is in the file");
        assert_eq!(decode(&tampered), Err(RecordingError::Damaged(expected.to_owned())));
    }
}

#[test]
fn a_file_of_another_kind_or_version_says_what_to_do() {
    for text in ["", "hello", "{}", "[1]", "{\"format\":\"har\",\"version\":1,\"app\":\"x\"}"] {
        let error = decode(text).expect_err("it is no recording");
        assert!(matches!(error, RecordingError::NotARecording(_)), "{error}");
        assert!(error.to_string().contains(".sluice.json"), "{error}");
    }
    let newer = recording().to_json().replacen("\"version\":1", "\"version\":7", 1);
    let error = decode(&newer).expect_err("it is newer").to_string();
    assert!(error.contains("version 7") && error.contains("0.9.1"), "{error}");
    assert_eq!(decode(&" ".repeat(MAX_BYTES + 1)), Err(RecordingError::TooLong));
    let cut = recording().to_json();
    assert!(decode(&cut[..cut.len() - 2]).is_err());
}

#[test]
fn counts_beyond_those_of_a_page_are_refused() {
    let mut many = recording();
    let (lane, mode) = (many.scene.lanes[1].clone(), many.modes[1]);
    many.scene.lanes.extend(vec![lane; 3]);
    many.modes.extend([mode; 3]);
    let refused = |recording: &Recording| decode(&recording.to_json()).map_err(|error| error.to_string());
    assert!(refused(&many).expect_err("five lanes").contains("lanes has none or too many"));
    let mut many = recording();
    many.log = vec![many.log[0].clone(); Log::MAX_LINES + 1];
    assert!(refused(&many).expect_err("too long a log").contains("log has too many lines"));
    let mut many = recording();
    many.scene.marks = vec![many.scene.marks[0].clone(); TimelineEvents::MAX + 1];
    assert!(refused(&many).expect_err("too many marks").contains("marks has too many"));
}

#[test]
fn the_fullest_recording_is_short_enough_to_be_opened() {
    let mut full = recording();
    let long = "\u{1f600}".repeat(10 * MAX_TEXT);
    let first = full.scene.from.as_micros() / AgeColumn::WIDTH_MICROS;
    let columns: Vec<_> = (0..=AgeColumn::SHOWN as u64)
        .map(|at| AgeColumn {
            index: first + at,
            count: u32::MAX,
            min: u32::MAX,
            mean: u32::MAX,
            max: u32::MAX,
            gaps: u32::MAX,
            stall: false,
        })
        .collect();
    let span = (full.scene.from, full.scene.until, Phase::Reconnecting);
    full.scene.lanes = (0..PageSetup::MAX_LANES)
        .map(|_| SceneLane {
            name: long.clone(),
            columns: columns.clone(),
            phases: vec![span; MAX_PHASES],
            ..full.scene.lanes[0].clone()
        })
        .collect();
    full.modes = vec![Mode::WebSocket; PageSetup::MAX_LANES];
    let mark = Mark { at: full.scene.from, label: long.clone() };
    (full.scene.marks, full.scene.epochs) =
        (vec![mark.clone(); TimelineEvents::MAX], vec![mark; TimelineEvents::MAX]);
    let line = LogLine {
        number: 0,
        at: full.scene.from,
        level: Level::Error,
        lane: Some(long.clone()),
        text: long.clone(),
    };
    full.log = vec![line; Log::MAX_LINES];
    (full.link, full.verdict, full.epoch) = (long.clone(), long.clone(), long);
    let text = full.to_json();
    assert!(text.len() < MAX_BYTES, "{} bytes", text.len());
    assert!(decode(&text).is_ok());
}
