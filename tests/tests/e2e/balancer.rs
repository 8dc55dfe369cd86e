//! A balancer in front of a lab's backends.

use std::time::Duration;

use sluice_shared::certificate::Verdict;
use sluice_shared::lab::{BackendReport, BalancerReport, Congestion, LabReport};
use sluice_shared::mode::Mode;
use sluice_tests::client::{Client, Lane};
use sluice_tests::lab::{Lab, Reports};
use sluice_tests::server::Server;

use crate::feed;

const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(lab: &Lab, lane: u16, mode: Mode) -> Client {
    let target = lab.target(lane, Congestion::Cubic);
    let lane = Lane::new(mode, feed(200, 180)).coming_back();
    let client = Client::connect(&target, lane).await.expect("the server accepts");
    client.until_settled(20).await;
    client
}

async fn assert_certified(client: &Client) {
    let certificate = client.certify(PATIENCE).await;
    assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
    client.tally().assert_certified(&certificate);
}

async fn balancer(reports: &mut Reports) -> BalancerReport {
    let mut report: LabReport =
        reports.until("there is a balancer", |report| report.balancer.is_some()).await;
    report.balancer.take().expect("seen")
}

fn sum(balancer: &BalancerReport, count: fn(&BackendReport) -> u64) -> u64 {
    balancer.backends.iter().map(count).sum()
}

/// The backend that has the packets of `lane`.
fn home(balancer: &BalancerReport, lane: u16) -> Option<u8> {
    balancer.clients.iter().find(|client| client.lane == Some(lane)).map(|client| client.backend)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_connection_id_a_session_finds_its_backend_from_every_address() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(r#"{"event":"balance","routing":"connection-id","backends":4}"#).await;
    let mut clients = Vec::new();
    for lane in 0..4 {
        clients.push(connect(&lab, lane, Mode::StreamPerTopic).await);
    }
    for n in 0..20 {
        let address = ["port", "host"][n % 2];
        lab.event(&format!(r#"{{"event":"switch-network","address":"{address}"}}"#)).await;
        for client in &clients {
            client.until_settled(10).await;
        }
    }
    for client in &clients {
        assert_certified(client).await;
        assert_eq!(client.tally().welcomes.len(), 1, "it is the same connection");
    }
    let balancer = balancer(&mut lab.watch().await).await;
    assert_eq!((balancer.backends.len(), sum(&balancer, |backend| backend.misrouted_packets)), (4, 0));
    assert_eq!(sum(&balancer, |backend| backend.stateless_resets), 0);
    assert!(sum(&balancer, |backend| backend.packets) > 100, "{balancer:?}");
    assert!(balancer.clients.len() <= BalancerReport::MAX_CLIENTS);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_address_another_address_is_another_client_and_the_session_resumes() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(r#"{"event":"balance","routing":"address","backends":2}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Mode::OneStream).await;
    // Half of all addresses lead elsewhere: one in a million times none of 20 does.
    for _ in 0..20 {
        if client.tally().welcomes.len() > 1 {
            break;
        }
        lab.event(r#"{"event":"switch-network"}"#).await;
        client.until_settled(50).await;
    }
    client.until_within(PATIENCE, "it comes back", |tally| tally.welcomes.len() > 1).await;
    assert_certified(&client).await;
    reports
        .until("misrouted packets and their resets are counted", |report| {
            report.balancer.as_ref().is_some_and(|balancer| {
                sum(balancer, |backend| backend.misrouted_packets) > 0
                    && sum(balancer, |backend| backend.stateless_resets) > 0
            })
        })
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_backend_that_goes_down_resume_on_another() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    lab.event(r#"{"event":"balance","routing":"connection-id","backends":2}"#).await;
    let mut reports = lab.watch().await;
    let client = connect(&lab, 0, Mode::OneStream).await;
    let report = reports
        .until("it is known where the lane is", |report| {
            report.balancer.as_ref().is_some_and(|balancer| home(balancer, 0).is_some())
        })
        .await;
    let first = home(&report.balancer.expect("seen"), 0).expect("seen");
    lab.event(&format!(r#"{{"event":"backend","index":{first},"up":false}}"#)).await;
    client.until_within(PATIENCE, "it comes back", |tally| tally.welcomes.len() > 1).await;
    client.until_settled(50).await;
    assert_certified(&client).await;
    let report = reports
        .until("the lane is at the other backend", |report| {
            report.balancer.as_ref().and_then(|balancer| home(balancer, 0)).is_some_and(|home| home != first)
        })
        .await;
    let balancer = report.balancer.expect("seen");
    assert!(!balancer.backends[usize::from(first)].is_up);
    assert!(sum(&balancer, |backend| backend.orphaned_packets) > 0, "{balancer:?}");
    lab.event(&format!(r#"{{"event":"backend","index":{first},"up":true}}"#)).await;
    lab.event(r#"{"event":"balance","routing":"off"}"#).await;
    reports.until("there is no balancer", |report| report.balancer.is_none()).await;
    client.until_settled(50).await;
    assert_certified(&client).await;
    server.stop().await;
}
