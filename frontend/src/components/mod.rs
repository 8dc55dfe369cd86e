//! What is seen: one component a file.

pub mod add_lane;
pub mod age_chart;
pub mod age_table;
pub mod canvas;
pub mod compare;
pub mod connection;
pub mod consumer_control;
pub mod fairness;
pub mod feed_card;
pub mod footer;
pub mod header;
pub mod hop;
pub mod host_panel;
pub mod lane_controls;
pub mod lane_header;
pub mod lane_numbers;
pub mod lane_row;
pub mod lane_weather;
pub mod log_view;
pub mod mode_select;
pub mod network_panel;
pub mod notices;
pub mod number;
pub mod page;
pub mod path_control;
pub mod policy_control;
pub mod rail;
pub mod segmented;
pub mod slider;
pub mod strip;
pub mod verdict_bar;
pub mod window_control;

pub use page::Page;
