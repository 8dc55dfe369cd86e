//! Display names of modes and networks.
//!
//! Used by the views and for lane names in sentences.

use sluice_shared::link::Preset;
use sluice_shared::mode::Mode;

/// Returns the full name of a mode.
pub const fn title(mode: Mode) -> &'static str {
    match mode {
        Mode::WebSocket => "WebSocket",
        Mode::WebSocketStream => "WebSocketStream",
        Mode::OneStream => "WebTransport · one stream",
        Mode::StreamPerTopic => "WebTransport · stream per topic",
        Mode::StreamPerMessage => "WebTransport · stream per message",
        Mode::Datagrams => "WebTransport · datagrams",
    }
}

/// Returns the name of a network preset.
pub const fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::None => "Clean",
        Preset::Fibre => "Fibre",
        Preset::Cable => "Cable",
        Preset::WifiCrowded => "Crowded Wi-Fi",
        Preset::Lte => "LTE",
        Preset::ThreeG => "3G",
        Preset::Satellite => "Satellite",
        Preset::Lossy2 => "2 % loss",
        Preset::Train => "Train",
        Preset::LongRtt => "1.5 s round trip",
        Preset::BlackHole => "Blackhole",
        Preset::TransferLoss => "Burst loss",
        Preset::UdpBlocked => "UDP blocked",
    }
}

/// Returns the short name of a mode, for tables and sentences.
pub const fn short(mode: Mode) -> &'static str {
    match mode {
        Mode::WebSocket => "WebSocket",
        Mode::WebSocketStream => "WebSocketStream",
        Mode::OneStream => "One stream",
        Mode::StreamPerTopic => "Stream per topic",
        Mode::StreamPerMessage => "Stream per message",
        Mode::Datagrams => "Datagrams",
    }
}

/// Returns the explanation of a mode, one sentence.
pub const fn explanation(mode: Mode) -> &'static str {
    match mode {
        Mode::WebSocket => "WebSocket over TCP, read by the event API",
        Mode::WebSocketStream => {
            "WebSocket over TCP, read by Chromium's WebSocketStream, which exerts backpressure"
        }
        Mode::OneStream => "WebTransport over QUIC, everything on one stream: one order for all",
        Mode::StreamPerTopic => "WebTransport over QUIC, a stream for each topic: order within a topic",
        Mode::StreamPerMessage => "WebTransport over QUIC, a stream for each message: reliable, no order",
        Mode::Datagrams => "WebTransport over QUIC, datagrams: no order, nothing sent twice",
    }
}

/// Returns the short names of lanes from the top, numbered where two have the same mode.
pub fn short_names(modes: &[Mode]) -> Vec<String> {
    modes
        .iter()
        .enumerate()
        .map(|(at, mode)| {
            let twins = modes.iter().filter(|other| *other == mode).count();
            if twins == 1 {
                return short(*mode).to_owned();
            }
            let ordinal = modes.iter().take(at + 1).filter(|other| *other == mode).count();
            format!("{} {ordinal}", short(*mode))
        })
        .collect()
}

/// Returns the name of a lane that uses mode `in_use` instead of the mode it is set to.
pub fn name_in_use(name: &str, set: Mode, in_use: Mode) -> String {
    if set.transport() == in_use.transport() {
        name.to_owned()
    } else {
        format!("{name} (over {})", short(in_use))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_has_fallen_back_is_not_called_by_its_own_transport_alone() {
        let name = |in_use| name_in_use("Stream per topic", Mode::StreamPerTopic, in_use);
        assert_eq!(name(Mode::StreamPerTopic), "Stream per topic");
        assert_eq!(name(Mode::WebSocket), "Stream per topic (over WebSocket)");
    }

    #[test]
    fn lanes_of_the_same_mode_are_numbered() {
        let names = short_names(&[Mode::WebSocket, Mode::Datagrams, Mode::WebSocket]);
        assert_eq!(names, ["WebSocket 1", "Datagrams", "WebSocket 2"]);
    }
}
