// Draws what the daemon sends: see message.rs beside this folder for the messages.
"use strict";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

const find = (id) => document.getElementById(id);
const canvas = find("screen");
const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });

let socket = null;
let wait = FIRST_WAIT_MS;
let retry = 0;
let paused = false;
let resume = () => {};
let drawn = [];

const STATES = {
  connecting: ["Connecting", ""],
  lost: ["Disconnected", "The connection to the daemon is lost; trying again."],
  off: ["No picture", "The card is not in graphics mode."],
  blank: ["Blank", "The driver has blanked the screen."],
  picture: ["Live", ""],
};

function show(state) {
  document.body.dataset.state = state;
  const [word, note] = STATES[state];
  find("state").textContent = paused && state === "picture" ? "Paused" : word;
  find("note").textContent = note;
  find("note").hidden = note === "";
}

function connect() {
  clearTimeout(retry);
  const url = new URL("screen", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.search = location.search;
  const mine = new WebSocket(url);
  socket = mine;
  mine.binaryType = "arraybuffer";
  // One message after the other, though unpacking and drawing take their time.
  let work = Promise.resolve();
  mine.onmessage = (event) => {
    work = work.then(() => take(mine, event.data)).catch((error) => {
      console.error(error);
      mine.close();
    });
  };
  mine.onopen = () => { wait = FIRST_WAIT_MS; };
  mine.onclose = () => {
    if (socket !== mine) return;
    socket = null;
    show("lost");
    retry = setTimeout(connect, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };
}

async function take(from, data) {
  const view = new DataView(data);
  if (view.getUint8(0) === 1) {
    const state = ["off", "blank", "picture"][view.getUint8(1)];
    resize(view.getUint16(4), view.getUint16(6));
    show(state);
    return;
  }
  const compressed = view.getUint8(1) === 1;
  const count = view.getUint16(2);
  const number = view.getUint32(4);
  const body = compressed ? await unpack(data.slice(8)) : data.slice(8);
  await moment();
  if (socket !== from) return;
  draw(body, count);
  from.send(`ack ${number}`);
}

function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// When the browser paints next, and nobody has paused: until then the daemon sends nothing.
async function moment() {
  if (paused) await new Promise((done) => { resume = done; });
  await new Promise((done) => requestAnimationFrame(done));
}

function draw(body, count) {
  const view = new DataView(body);
  let at = count * 8;
  for (let n = 0; n < count; n++) {
    const [x, y, width, height] = [0, 2, 4, 6].map((side) => view.getUint16(n * 8 + side));
    const bytes = width * height * 4;
    const pixels = new Uint8ClampedArray(body, at, bytes);
    context.putImageData(new ImageData(pixels, width, height), x, y);
    at += bytes;
  }
  drawn.push(performance.now());
}

function resize(width, height) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    clear();
  }
  find("size").textContent = `${width} × ${height}`;
  scale();
}

// Black and opaque: not every browser takes a new canvas for that.
function clear() {
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
}

function scale() {
  const chosen = find("scale").value;
  document.body.dataset.scale = chosen;
  const factor = chosen === "fit" ? 1 : Number(chosen);
  canvas.style.width = chosen === "fit" ? "" : `${canvas.width * factor}px`;
}

function pause() {
  paused = !paused;
  find("pause").setAttribute("aria-pressed", String(paused));
  find("pause").textContent = paused ? "Go on" : "Pause";
  show(document.body.dataset.state);
  if (!paused) resume();
}

function save() {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "vcd.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else find("view").requestFullscreen().catch(() => {});
}

find("pause").addEventListener("click", pause);
find("save").addEventListener("click", save);
find("full").addEventListener("click", full);
find("scale").addEventListener("change", scale);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
  const action = { p: pause, s: save, f: full }[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
// Whoever comes back to the page does not wait for the next try.
for (const event of ["online", "focus"]) {
  addEventListener(event, () => { if (!socket) connect(); });
}

setInterval(() => {
  const now = performance.now();
  drawn = drawn.filter((moment) => now - moment < 1000);
  find("rate").textContent = String(drawn.length);
}, 500);

show("connecting");
clear();
scale();
connect();
