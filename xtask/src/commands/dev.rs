//! `cargo xtask run --dev`: Trunk's hot reload in front of a debug server.

use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::failure::{Failure, Result};
use crate::page::Page;
use crate::process;
use crate::progress::Steps;
use crate::server;
use crate::workspace::Workspace;

/// Where Trunk serves the page; it passes the API on to the server, see `Trunk.toml`.
const PAGE_PORT: u16 = 8081;
/// The server drains for up to 3 s after Ctrl-C.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs Trunk and a debug server until Ctrl-C or until one of them ends; then both are stopped.
pub(crate) fn dev(workspace: &Workspace, open: bool, server_args: &[String]) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::failed(format!("listening for Ctrl-C: {error}")))?;
    }
    let mut steps = Steps::new(3);
    let mut trunk = None;
    steps.step("checking the page's tools", || {
        let (command, remark) = Page::new(workspace).trunk()?;
        trunk = Some(command);
        Ok(remark)
    })?;
    let Some(mut trunk) = trunk else {
        return Err(Failure::failed("the page's tools are not known"));
    };
    steps.step("building the debug server", || {
        server::allow_missing_page(workspace)?;
        let mut build = process::cargo(workspace);
        build.args(["build", "--package", "sluice-server"]);
        process::run(&mut build, "building the debug server").map(|()| String::new())
    })?;

    let dev_dist = workspace.target().join("xtask/dev-dist");
    trunk.args(["serve", "--port", &PAGE_PORT.to_string(), "--dist"]).arg(dev_dist);
    if open {
        trunk.arg("--open");
    }
    let mut children = Vec::new();
    let started = steps.step("starting both", || {
        children.push(start("the server", &mut serve(workspace, server_args))?);
        children.push(start("trunk", &mut trunk)?);
        Ok(format!("the page will be at http://127.0.0.1:{PAGE_PORT}/, Ctrl-C stops both"))
    });
    let ended = started.and_then(|()| wait_for_end(&mut children, &stop));
    stop_all(&mut children)?;
    ended
}

struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| Failure::failed(format!("waiting for {}: {error}", self.name)))
    }
}

fn serve(workspace: &Workspace, server_args: &[String]) -> Command {
    let mut serve = process::command(workspace, workspace.debug_server_binary());
    serve.arg("serve");
    for host in ["127.0.0.1", "localhost"] {
        serve.args(["--allow-origin", &format!("http://{host}:{PAGE_PORT}")]);
    }
    serve.args(server_args);
    serve
}

fn start(name: &'static str, command: &mut Command) -> Result<Running> {
    let child = command.spawn().map_err(|error| process::not_started(command, &error))?;
    Ok(Running { name, child })
}

/// Waits for Ctrl-C, or for the first program that ends by itself, which is a failure.
fn wait_for_end(children: &mut [Running], stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        for running in children.iter_mut() {
            if let Some(status) = running.ended()?
                && !stop.load(Ordering::Relaxed)
            {
                return Err(Failure::failed(format!(
                    "{} ended ({status}); the other one is stopped too",
                    running.name
                )));
            }
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Ctrl-C reaches the children too: they get time to end by themselves, and are killed after that.
fn stop_all(children: &mut [Running]) -> Result<()> {
    let deadline = Instant::now() + STOP_LIMIT;
    for running in children.iter_mut() {
        while running.ended()?.is_none() {
            if Instant::now() >= deadline {
                running
                    .child
                    .kill()
                    .map_err(|error| Failure::failed(format!("stopping {}: {error}", running.name)))?;
                running
                    .child
                    .wait()
                    .map_err(|error| Failure::failed(format!("stopping {}: {error}", running.name)))?;
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
    Ok(())
}
