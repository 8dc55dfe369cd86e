//! The panel before anything is known.

use sluice_shared::lab::LabEvent;

use crate::features::migration::scale::Extent;
use crate::features::migration::spoof;

/// Tunnels on offer, seconds.
const TUNNELS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "10", "12"];
/// What the button says that begins a series of tunnels.
pub(crate) const SERIES: &str = "Series, 3 to 10\u{a0}s";

/// A choice that is made by pressing one of several buttons: what it is called, and what each button is and says.
type Choice = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const ADDRESS: Choice = (
    "address",
    "New address",
    &[
        ("port", "port", "As when a NAT has forgotten its mapping"),
        (
            "host",
            "host",
            "As when the phone leaves the Wi-Fi: the server begins anew with round trip and window",
        ),
    ],
);

const TCP: Choice = (
    "tcp",
    "TCP is",
    &[
        ("told", "told", "The interface goes, and the system tells the browser at once"),
        ("silent", "silent", "Nothing passes any more, and both ends have to notice by themselves"),
    ],
);

const ROUTING: Choice = (
    "routing",
    "Balancer",
    &[
        ("off", "off", "Everything goes to the first backend"),
        ("address", "by address", "By the hash of the client's address and port, as for any UDP"),
        ("connection-id", "by connection ID", "By the backend's number in the ID that it has chosen"),
    ],
);

const BACKENDS: Choice = ("backends", "backends", &[("2", "2", ""), ("3", "3", ""), ("4", "4", "")]);

const MIGRATION: Choice = (
    "migration",
    "Migration",
    &[
        ("allowed", "allowed", "The server follows a client to its new address"),
        (
            "forbidden",
            "forbidden",
            "The server discards what comes from another address: the control experiment",
        ),
    ],
);

const HEAD: &str = "<p class=hint>A QUIC connection has a name of its own and survives another address (RFC 9000 §9): the \
    server answers where the client's newest packet came from, and asks with PATH_CHALLENGE whether the client is really \
    there. A TCP connection is its addresses, so it ends, and a new one resumes the session. The server learns the new \
    path from the client's next packet, so a client that sends nothing hears nothing: the heartbeat's interval bounds \
    the gap.</p><div class=settings>";

const STATUS: &str = "</div><p class=status data-testid=migration-status data-part=status role=status></p>\
    <section class=ladder-card aria-label=\"A change of networks\" data-part=switch-card data-state=empty>\
    <div class=card-head><h3>Change</h3><span class=segmented role=group aria-label=\"Which change\" data-part=numbers></span>";

const DRAWING: &str = "</div><div class=moving-box data-testid=switch-drawing data-part=drawing></div>\
    <p class=legend><span class=old>old path</span><span class=new>new path</span><span class=challenge>PATH_CHALLENGE</span>\
    <span class=response>PATH_RESPONSE</span><span class=lost>lost</span><span class=gap>gap at the client</span>\
    <span class=heard>nothing reached the lane</span></p>\
    <p class=hint data-part=problem></p><div class=table-scroll data-part=facts></div></section>\
    <section class=ladder-card aria-label=\"Survival of tunnels\" data-part=survival-card data-state=empty>\
    <h3>Tunnels</h3><div class=moving-box data-testid=survival data-part=survival></div>\
    <p class=\"legend marks\"><span class=survived>the connection survived</span><span class=died>it died, and the lane resumed \
    over another one</span><span class=switched>diamond: another address at the end</span><span>figure: from the tunnel's \
    end to the first data</span></p><div class=table-scroll data-part=survival-table></div>\
    <p class=hint>Every tunnel of this lab is here, as its network saw it: first data is the first payload that reached \
    a client after the tunnel that was still there to answer. Chromium gives up a QUIC connection after 6.4 to 7.8\u{a0}s of silence, whatever its settings \
    (shaded). Until then it matters how soon the server tries the path again: once all that its window allows is under way, it waits \
    for probes that come ever more rarely. A larger window (256\u{a0}KiB) is full later; BBR's follows the rate that it has measured. Where a connection died, \
    resume takes over: whether anything was lost is proved in <button type=button class=link data-act=certificates>the \
    Continuity panel</button>.</p></section>";

const COLUMNS: &str = "<div class=columns><section><h3>Lanes</h3><div class=table-scroll data-part=lanes></div>\
    <p class=hint>Whether anything was lost is proved in the Continuity panel's certificate.</p></section>\
    <section data-part=series-card data-state=empty><h3>Ten changes</h3><div class=table-scroll data-testid=series \
    data-part=series></div></section>\
    <section data-part=balancer-card data-state=empty><h3>Balancer</h3><span class=segmented role=group aria-label=Backends>";

const BALANCER: &str =
    "</span><div class=table-scroll data-testid=balancer data-part=balancer></div></section></div>";

/// All of it.
pub(crate) fn html() -> String {
    let mut html = HEAD.to_owned();
    push_choice(&mut html, ADDRESS);
    push_choice(&mut html, TCP);
    html.push_str(
        "<button type=button class=primary data-testid=migrate data-act=switch>Switch network</button>\
         <button type=button data-testid=ten-switches data-act=ten title=\"Ten changes, one every 500 ms\">Ten changes</button>\
         </div><div class=settings><button type=button data-testid=migration-tunnel data-act=tunnel title=\"Nothing gets in, \
         in either direction\">Tunnel</button><select data-testid=migration-tunnel-seconds data-field=seconds \
         aria-label=\"Length of the tunnel\">",
    );
    for seconds in TUNNELS {
        let chosen = if seconds == "4" { " selected" } else { "" };
        html.extend(["<option value=", seconds, chosen, ">", seconds, "\u{a0}s</option>"]);
    }
    html.push_str(
        "</select><label><input type=checkbox data-testid=then-switch data-field=then checked>then another address</label>\
         <button type=button data-testid=tunnel-series data-act=tunnels title=\"Seven tunnels, each when all lanes are back \
         from the one before\">",
    );
    html.extend([
        SERIES,
        "</button><a data-testid=survival-lanes data-part=lanes-link title=\"Loads the page with these four lanes and \
         the network that is set\">Lanes for this: QUIC with CUBIC, CUBIC 256\u{a0}KiB and BBR, and WebSocket</a></div>\
         <div class=settings>",
    ]);
    html.push_str(spoof::SETTINGS);
    push_choice(&mut html, ROUTING);
    push_choice(&mut html, BACKENDS);
    push_choice(&mut html, MIGRATION);
    html.push_str(
        "<span class=note>for connections that begin from now on: open a lane anew, for example with another \
                   congestion controller</span>",
    );
    html.push_str(STATUS);
    let extents = Extent::ALL.map(|extent| (extent.name(), extent.title(), ""));
    push_choice(&mut html, ("extent", "Time axis", &extents));
    html.push_str(DRAWING);
    html.push_str(spoof::CARD);
    html.push_str(COLUMNS);
    for index in 0..LabEvent::MAX_BACKENDS {
        let index = index.to_string();
        html.extend([
            "<button type=button data-act=backend data-arg=",
            &index,
            " data-testid=backend-",
            &index,
        ]);
        html.extend([
            " title=\"Pressed: up. Down, nothing passes to it or from it\">backend ",
            &index,
            "</button><button type=button data-act=kill data-state=empty data-arg=",
            &index,
            " data-testid=kill-",
            &index,
            " title=\"Kills the process; it is started again\">Kill ",
            &index,
            "</button>",
        ]);
    }
    html + BALANCER
}

fn push_choice(
    html: &mut String,
    (act, label, buttons): (&str, &str, &[(&'static str, &'static str, &'static str)]),
) {
    html.extend([
        "<span class=choice>",
        label,
        " <span class=segmented role=group aria-label=\"",
        label,
        "\">",
    ]);
    for (arg, text, title) in buttons {
        html.extend([
            "<button type=button data-act=",
            act,
            " data-arg=",
            arg,
            " data-testid=",
            act,
            "-",
            arg,
        ]);
        if !title.is_empty() {
            html.extend([" title=\"", title, "\""]);
        }
        html.extend([">", text, "</button>"]);
    }
    html.push_str("</span></span>");
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{LabRouting, NewAddress, TcpFate};

    use super::*;

    #[test]
    fn every_choice_of_the_lab_has_its_button() {
        let html = html();
        let backends =
            (LabEvent::MIN_BACKENDS..=LabEvent::MAX_BACKENDS).map(|count| format!("backends-{count}"));
        let names = NewAddress::ALL
            .map(|address| format!("address-{}", address.name()))
            .into_iter()
            .chain(TcpFate::ALL.map(|fate| format!("tcp-{}", fate.name())))
            .chain(LabRouting::ALL.map(|routing| format!("routing-{}", routing.name())))
            .chain(backends);
        for name in names {
            assert_eq!(html.matches(&format!("data-testid={name}")).count(), 1, "{name}");
        }
    }
}
