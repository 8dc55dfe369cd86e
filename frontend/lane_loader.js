// Starts the worker that runs one lane. Trunk's own loader calls wasm-bindgen in a form that warns on the console.
importScripts("./lane.js");
wasm_bindgen({ module_or_path: "./lane_bg.wasm" });
