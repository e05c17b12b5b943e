//! What Prometheus is told.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use e2e::{Lab, Said, need, scrape};

/// Metrics by name and labels.
type Metrics = BTreeMap<String, f64>;

/// Reads the text format strictly: every sample belongs to a family that was announced.
fn parse(text: &str) -> Metrics {
    let mut metrics = Metrics::new();
    let mut family = String::new();
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split(' ').next().unwrap().to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert_eq!(name, helped, "{line}");
            family = name.to_owned();
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let own = name.split('{').next().unwrap();
            let parts = ["", "_bucket", "_sum", "_count"];
            assert!(parts.iter().any(|part| own == format!("{family}{part}")), "{line}");
            assert!(name.contains("{id=\""), "{line}");
            let twice = metrics.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(twice, None, "{line}");
        }
    }
    metrics
}

/// A histogram's buckets never fall and end in its count.
fn check_histogram(metrics: &Metrics, name: &str) -> f64 {
    let start = format!("ublk_vpt_{name}_bucket{{id=\"0\",le=\"");
    let mut buckets: Vec<(f64, f64)> = metrics
        .iter()
        .filter_map(|(key, value)| {
            let bound = key.strip_prefix(&start)?.strip_suffix("\"}")?;
            Some((bound.replace("+Inf", "inf").parse().unwrap(), *value))
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.len() > 5 && buckets.is_sorted_by_key(|bucket| bucket.1), "{buckets:?}");
    let count = metrics[&format!("ublk_vpt_{name}_count{{id=\"0\"}}")];
    assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
    count
}

#[test]
fn they_agree_with_the_statistics() {
    need!(Fuse);
    let lab = Lab::new();
    let socket = lab.file("m.sock");
    let place = socket.to_str().unwrap();
    let disk = lab.add(&["--back", "mem", "--size", "4M", "--metrics", place]);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let mut buf = vec![7; 4096];
    for i in 0..20 {
        file.write_all_at(&buf, i * 8192).unwrap();
        file.read_exact_at(&mut buf, i * 8192).unwrap();
    }
    file.sync_all().unwrap();
    disk.run("set", &["backing_fail_every=1"]).ok();
    file.read_at(&mut buf, 0).unwrap_err();
    disk.wait_in_flight(0);
    let metrics = parse(&scrape(UnixStream::connect(&socket).unwrap()));
    let stats = disk.stats();
    for op in ["read", "write", "flush", "discard"] {
        for (what, key) in [("requests", "requests"), ("bytes", "bytes"), ("errors", "errors")] {
            let told = metrics[&format!("ublk_vpt_{what}_total{{id=\"0\",op=\"{op}\"}}")];
            assert_eq!(Some(told), stats[op][key].as_f64(), "{op} {what}");
        }
    }
    assert_eq!(metrics["ublk_vpt_errors_total{id=\"0\",op=\"read\"}"], 1.0);
    assert_eq!(metrics["ublk_vpt_info{id=\"0\",disk=\"quick\",front=\"fuse\"}"], 1.0);
    assert_eq!(metrics["ublk_vpt_depth{id=\"0\"}"], 64.0);
    assert_eq!(metrics["ublk_vpt_valid{id=\"0\"}"], 1.0);
    assert_eq!(Some(metrics["ublk_vpt_scale{id=\"0\"}"]), stats["scale"]["k"].as_f64());
    let late = metrics["ublk_vpt_late_requests_total{id=\"0\"}"];
    assert_eq!(Some(late), stats["scale"]["late"].as_f64());
    let all = check_histogram(&metrics, "response_seconds");
    assert_eq!(Some(all), stats["response_ms"]["count"].as_f64());
    let late = check_histogram(&metrics, "backing_lateness_seconds");
    assert_eq!(Some(late), stats["backing_late_us"]["count"].as_f64());
    for name in ["service_seconds", "backing_seconds", "timer_lateness_seconds"] {
        check_histogram(&metrics, name);
    }
    let mean = metrics["ublk_vpt_response_seconds_sum{id=\"0\"}"] / all * 1e3;
    let wanted = stats["response_ms"]["mean"].as_f64().unwrap();
    assert!((mean - wanted).abs() < 1e-6 * wanted, "{mean} and {wanted}");
    drop(file);
    disk.del();
    assert!(!socket.exists(), "the socket is left");
    lab.assert_nothing_left();
}

#[test]
fn loopback_unless_told_otherwise() {
    need!(Fuse);
    let lab = Lab::new();
    // A port that is free now, and with some luck still is in a moment.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let disk =
        lab.add(&["--back", "mem", "--size", "1M", "--metrics", &format!("localhost:{port}")]);
    parse(&scrape(TcpStream::connect(("127.0.0.1", port)).unwrap()));
    assert_eq!(disk.about["notes"].as_array().unwrap().len(), 0, "{}", disk.about);
    let taken = ["add", "vpt", "quick.toml", "--back", "mem", "--size", "1M", "--metrics"];
    let place = format!("127.0.0.1:{port}");
    Said::of(lab.ublk().args(taken).arg(&place)).refused(&["--metrics", &place]);
    Said::of(lab.ublk().args(taken).arg("example.org:80")).refused(&["127.0.0.1:9100"]);
    disk.del();
    let disk = lab.add(&["--back", "mem", "--size", "1M", "--metrics", "0.0.0.0:0"]);
    assert!(disk.about["notes"].to_string().contains("other machines"), "{}", disk.about);
    disk.del();
    lab.assert_nothing_left();
}

/// Somebody else's file or socket is not taken away.
#[test]
fn a_place_that_is_taken_is_left_alone() {
    need!(Fuse);
    let lab = Lab::new();
    std::fs::write(lab.file("mine"), "mine").unwrap();
    let add = ["add", "vpt", "quick.toml", "--back", "mem", "--size", "1M", "--metrics", "./mine"];
    lab.run(&add).refused(&["--metrics", "mine"]);
    assert!(Path::new(&lab.file("mine")).is_file());
    lab.assert_nothing_left();
}
