//! Model of the migration panel as plain data, independent of signals and elements.

pub(crate) mod balancer;
pub(crate) mod chain;
pub(crate) mod effect;
pub(crate) mod fact;
pub(crate) mod facts;
pub(crate) mod lane;
mod lane_facts;
pub(crate) mod link;
pub(crate) mod moment;
pub(crate) mod plan;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod series;
pub(crate) mod settings;
pub(crate) mod spoof;
pub(crate) mod survival;

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use sluice_shared::lab::LabReport;

    use super::samples;

    fn report() -> LabReport {
        LabReport { switches: vec![samples::switch()], ..samples::tunnelled() }
    }

    fn changed(change: impl FnOnce(&mut Value)) -> Result<LabReport, String> {
        let mut json = serde_json::to_value(report()).expect("the server writes its reports as JSON");
        change(&mut json);
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_servers_own_report_is_decoded_and_unknown_fields_are_tolerated() {
        assert_eq!(changed(|_| {}), Ok(report()));
        let with_news = changed(|json| {
            json["news"] = Value::from(1);
            json["switches"][0]["paths"][0]["quic"]["news"] = Value::from("one");
        });
        assert_eq!(with_news, Ok(report()));
    }

    #[test]
    fn a_missing_field_is_an_error_that_names_it() {
        let without_number = changed(|json| {
            json["switches"][0].as_object_mut().expect("a change is an object").remove("number");
        });
        assert!(without_number.is_err_and(|error| error.contains("missing field `number`")));
    }
}
