//! Lane rows: header, numbers and controls.

pub mod add_lane;
pub mod connection_state;
pub mod consumer_control;
pub mod fairness;
pub mod fairness_facts;
pub mod lane_controls;
pub mod lane_header;
pub mod lane_numbers;
pub mod lane_row;
pub mod mode_select;
pub mod path_control;
pub mod policy_control;
pub mod window_control;
