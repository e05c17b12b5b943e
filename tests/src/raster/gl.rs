//! Mesa's software renderer through EGL, without a window or a display.
//!
//! Its libraries are loaded when it is made, so a machine without them can build and run all else. How
//! many threads it has is told by LP_NUM_THREADS, before this process starts.
#![allow(unsafe_code, reason = "foreign libraries: EGL and OpenGL ES")]

use std::ffi::c_void;

use glow::HasContext;
use khronos_egl as egl;
use vgpu_card::raster::Triangle;

/// EGL_PLATFORM_SURFACELESS_MESA.
const SURFACELESS: egl::Enum = 0x31dd;

const VERTEX: &str = "#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in vec4 color;
out highp vec4 shade;
void main() { gl_Position = vec4(place, 0.0, 1.0); shade = color; }";

const FRAGMENT: &str = "#version 300 es
precision highp float;
in highp vec4 shade;
out vec4 pixel;
void main() { pixel = shade; }";

/// A picture that Mesa draws into. To be used on the thread that made it, and one at a time.
pub struct Llvmpipe {
    gl: glow::Context,
    width: u32,
    height: u32,
    // The libraries must outlive what was loaded from them.
    _egl: egl::DynamicInstance<egl::EGL1_5>,
}

impl Llvmpipe {
    /// A black picture; the error says what is missing.
    pub fn new(width: u32, height: u32) -> Result<Self, String> {
        // SAFETY: loading a system library runs its initialisers, which are made for that; its
        // functions have the types that EGL's specification gives them.
        let egl = unsafe { egl::DynamicInstance::<egl::EGL1_5>::load_required() }
            .map_err(|error| format!("no libEGL (packages libegl1, libegl-mesa0): {error}"))?;
        make_current(&egl).map_err(|error| format!("EGL without a surface: {error}"))?;
        let address = |name: &str| match egl.get_proc_address(name) {
            Some(function) => function as *const c_void,
            None => std::ptr::null(),
        };
        // SAFETY: a context of OpenGL ES 3 is current, and the addresses are its functions.
        let gl = unsafe { glow::Context::from_loader_function(address) };
        let made = Self { gl, width, height, _egl: egl };
        made.prepare()?;
        Ok(made)
    }

    /// What draws, and its version.
    pub fn renderer(&self) -> String {
        // SAFETY: the context is current; the string is copied.
        let text = |name| unsafe { self.gl.get_parameter_string(name) };
        format!("{}, {}", text(glow::RENDERER), text(glow::VERSION))
    }

    fn prepare(&self) -> Result<(), String> {
        let gl = &self.gl;
        let (width, height) = (self.width as i32, self.height as i32);
        // SAFETY: the context is current on this thread, and every object is its own; nothing is given
        // to it that it would keep.
        unsafe {
            let store = gl.create_renderbuffer()?;
            gl.bind_renderbuffer(glow::RENDERBUFFER, Some(store));
            gl.renderbuffer_storage(glow::RENDERBUFFER, glow::RGBA8, width, height);
            let target = gl.create_framebuffer()?;
            gl.bind_framebuffer(glow::FRAMEBUFFER, Some(target));
            let color = glow::COLOR_ATTACHMENT0;
            gl.framebuffer_renderbuffer(glow::FRAMEBUFFER, color, glow::RENDERBUFFER, Some(store));
            let program = gl.create_program()?;
            for (kind, text) in [(glow::VERTEX_SHADER, VERTEX), (glow::FRAGMENT_SHADER, FRAGMENT)] {
                let shader = gl.create_shader(kind)?;
                gl.shader_source(shader, text);
                gl.compile_shader(shader);
                gl.attach_shader(program, shader);
            }
            gl.link_program(program);
            if !gl.get_program_link_status(program) {
                return Err(gl.get_program_info_log(program));
            }
            gl.use_program(Some(program));
            gl.bind_buffer(glow::ARRAY_BUFFER, Some(gl.create_buffer()?));
            gl.bind_vertex_array(Some(gl.create_vertex_array()?));
            gl.enable_vertex_attrib_array(0);
            gl.vertex_attrib_pointer_f32(0, 2, glow::FLOAT, false, 12, 0);
            gl.enable_vertex_attrib_array(1);
            gl.vertex_attrib_pointer_f32(1, 4, glow::UNSIGNED_BYTE, true, 12, 8);
            gl.viewport(0, 0, width, height);
            gl.disable(glow::DITHER);
            gl.clear_color(0.0, 0.0, 0.0, 0.0);
            gl.clear(glow::COLOR_BUFFER_BIT);
        }
        Ok(())
    }

    /// Hands over triangles, to be drawn later.
    pub fn load(&self, triangles: &[Triangle]) {
        let half = |size: u32| f64::from(size) * 8.0;
        let (half_width, half_height) = (half(self.width), half(self.height));
        let bytes: Vec<u8> = triangles
            .iter()
            .flatten()
            .flat_map(|v| {
                let mut bytes = [255; 12];
                let place = |at: i32, half: f64| (f64::from(at) / half - 1.0) as f32;
                bytes[..4].copy_from_slice(&place(v.x, half_width).to_le_bytes());
                bytes[4..8].copy_from_slice(&place(v.y, half_height).to_le_bytes());
                bytes[8..11].copy_from_slice(&v.color.to_be_bytes()[1..]);
                bytes
            })
            .collect();
        // SAFETY: the context is current; the bytes are copied before this returns.
        unsafe { self.gl.buffer_data_u8_slice(glow::ARRAY_BUFFER, &bytes, glow::STATIC_DRAW) }
    }

    /// Draws some of the loaded triangles, and waits until they are drawn. There must be so many.
    pub fn draw(&self, triangles: std::ops::Range<usize>) {
        let (first, count) = (triangles.start as i32 * 3, triangles.len() as i32 * 3);
        // SAFETY: the context is current; reading behind the buffer's end is undefined in its content
        // but not in its bounds, which Mesa keeps.
        unsafe {
            self.gl.draw_arrays(glow::TRIANGLES, first, count);
            self.gl.finish();
        }
    }

    /// The picture as XRGB8888 with X = 0, rows as our own.
    pub fn pixels(&self) -> Vec<u32> {
        let mut bytes = vec![0; (self.width * self.height * 4) as usize];
        let (width, height) = (self.width as i32, self.height as i32);
        let into = glow::PixelPackData::Slice(Some(&mut bytes));
        // SAFETY: the context is current, and the memory is as large as what is asked for.
        unsafe {
            self.gl.read_pixels(0, 0, width, height, glow::RGBA, glow::UNSIGNED_BYTE, into);
        }
        let pixel = |rgba: &[u8; 4]| u32::from_be_bytes([0, rgba[0], rgba[1], rgba[2]]);
        bytes.as_chunks().0.iter().map(pixel).collect()
    }
}

fn make_current(egl: &egl::DynamicInstance<egl::EGL1_5>) -> Result<(), egl::Error> {
    // SAFETY: the default display is not a pointer to anything; there are no attributes but their end.
    let display = unsafe {
        egl.get_platform_display(SURFACELESS, egl::DEFAULT_DISPLAY, &[egl::ATTRIB_NONE])
    }?;
    egl.initialize(display)?;
    egl.bind_api(egl::OPENGL_ES_API)?;
    let wanted = [egl::RENDERABLE_TYPE, egl::OPENGL_ES3_BIT, egl::SURFACE_TYPE, 0, egl::NONE];
    let config = egl.choose_first_config(display, &wanted)?.ok_or(egl::Error::BadConfig)?;
    let version = [egl::CONTEXT_MAJOR_VERSION, 3, egl::NONE];
    let context = egl.create_context(display, config, None, &version)?;
    egl.make_current(display, None, None, Some(context))
}
