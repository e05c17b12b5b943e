//! The card's rasteriser beside another one: Mesa's.

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::raster::{Scene, equilateral, registers};
use e2e::{need, skip};
use vgpu_card::raster::{State, Surface};

/// Pixels that may differ by more than a level in a channel, as a part of all.
const DIFFERENT: f64 = 0.002;

/// What a run of the peer prints, or why it could not run.
fn peer(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raster-load"));
    command.args(arguments).env("LIBGL_ALWAYS_SOFTWARE", "1").env("GALLIUM_DRIVER", "llvmpipe");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("raster-load is built with the tests");
    // Dropped at once, so that it sees the end.
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(output.stdout) } else { Err(errors) }
}

fn ours(scene: &Scene) -> Vec<u32> {
    let mut pixels = vec![0; (scene.width * scene.height) as usize];
    let mut surface =
        Surface::new(&mut pixels, scene.width, scene.height, scene.width).expect("it fits");
    surface.band().triangles(&State::default(), &scene.triangles);
    pixels
}

/// Pixels in which a channel differs by more than so many levels.
fn different(a: &[u32], b: &[u32], levels: u32) -> usize {
    assert_eq!(a.len(), b.len());
    let far = |a: u32, b: u32| {
        [16, 8, 0].into_iter().any(|n| (a >> n & 255).abs_diff(b >> n & 255) > levels)
    };
    a.iter().zip(b).filter(|(a, b)| far(**a, **b)).count()
}

#[test]
fn random_scenes_look_as_llvmpipe_draws_them() {
    need!(Egl);
    let renderer = match peer(&["renderer"], &[]) {
        Ok(name) => String::from_utf8_lossy(&name).trim().to_owned(),
        Err(why) => skip!(Egl, "{why}"),
    };
    println!("{renderer}");
    if !renderer.starts_with("llvmpipe") {
        skip!(Egl, "the renderer is {renderer}");
    }
    let mut scenes: Vec<Scene> = (1..=12).map(|seed| Scene::random(seed, 500, 640, 480)).collect();
    scenes.push(equilateral(20, 3000, 640, 480));
    scenes.push(equilateral(100, 500, 640, 480));
    for (n, scene) in scenes.iter().enumerate() {
        let theirs = peer(&["picture"], &scene.to_bytes()).expect("it has drawn before");
        let theirs: Vec<u32> =
            theirs.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let ours = ours(scene);
        let drawn = ours.iter().filter(|pixel| **pixel != 0).count();
        assert!(drawn > ours.len() / 4, "scene {n}: only {drawn} pixels are not black");
        let share = different(&ours, &theirs, 1) as f64 / ours.len() as f64;
        println!("scene {n}: {share:.6} of all pixels differ by more than 1");
        assert!(share <= DIFFERENT, "scene {n}: {share} of all pixels differ by more than 1");
    }
}

/// What an application sets up for trapezoids is the triangle.
#[test]
fn registers_make_the_triangle() {
    let scene = Scene::random(99, 400, 640, 480);
    let mut pixels = vec![0; 640 * 480];
    let mut surface = Surface::new(&mut pixels, 640, 480, 640).expect("it fits");
    let trapezoids: Vec<_> = scene.triangles.iter().flat_map(registers).collect();
    surface.band().trapezoids(&State::default(), &trapezoids);
    // Slopes of 16 bits put an edge beside a centre now and then, and colours at it are a pixel off.
    let share = different(&pixels, &ours(&scene), 8) as f64 / pixels.len() as f64;
    assert!(share < 0.02, "{share} of all pixels differ");
}
