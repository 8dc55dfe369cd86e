//! Random things happen to clients of every mode at once.

use sluice_tests::chaos::{Deed, KEPT, Plan, run};
use sluice_tests::client::Pace;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_word_whatever_happens() {
    for (seed, phases) in KEPT {
        let plan = Plan::new(*seed, *phases);
        if let Err(failure) = run(&plan, |_| {}).await {
            panic!("{failure}\nthe plan:\n{plan}");
        }
    }
}

#[test]
fn the_first_plan_that_is_kept_has_something_of_everything() {
    let (seed, phases) = KEPT[0];
    let plan = Plan::new(seed, phases);
    let has = |what: &str, is: &dyn Fn(&Deed) -> bool| {
        assert!(plan.phases.iter().flatten().any(|step| is(&step.deed)), "no {what} in the plan:\n{plan}");
    };
    has("cut", &|deed| matches!(deed, Deed::Cut(_)));
    has("zombie", &|deed| matches!(deed, Deed::Abandon(_)));
    has("blackout", &|deed| matches!(deed, Deed::Tunnel(..)));
    has("change of address", &|deed| matches!(deed, Deed::SwitchNetwork(_)));
    has("blocked UDP", &|deed| matches!(deed, Deed::BlockUdp(_, true)));
    has("change of network", &|deed| matches!(deed, Deed::Preset(..)));
    has("stuck consumer", &|deed| matches!(deed, Deed::Pace(_, Pace::Never)));
    has("consumer that is let be", &|deed| matches!(deed, Deed::Stick(_)));
    has("certificate", &|deed| matches!(deed, Deed::Certify(_)));
    has("change of policy", &|deed| matches!(deed, Deed::Policy(..)));
    has("change of feeds", &|deed| matches!(deed, Deed::Feeds(..)));
    has("switch", &|deed| matches!(deed, Deed::Switch(..)));
    has("restart", &|deed| matches!(deed, Deed::Restart { .. }));
}
