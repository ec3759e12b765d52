import type { Browser, Page } from "playwright-core";
import { crc32, deflateSync } from "node:zlib";

// beside puts screenshots beside each other and returns a PNG with a palette: a tenth of
// what a browser's own takes.
export async function beside(browser: Browser, shots: Buffer[]): Promise<Buffer> {
  if (!desks.has(browser)) desks.set(browser, browser.newPage());
  const drawn = await (await desks.get(browser)!).evaluate(paint, shots.map((shot) => shot.toString("base64")));
  return png(drawn.width, drawn.height, drawn.palette, Buffer.from(drawn.pixels, "base64"));
}

// desks are where pictures are put together: a page in each browser.
const desks = new WeakMap<Browser, Promise<Page>>();

// paint runs in the browser. It returns one byte for each pixel: its place in a palette of
// the colours that are there most.
async function paint(shots: string[]) {
  const gap = 12, most = 32, scale = 0.75, highest = 800;
  const images = await Promise.all(shots.map(async (shot) => {
    const image = new Image();
    image.src = "data:image/png;base64," + shot;
    await image.decode();
    return image;
  }));
  const canvas = document.createElement("canvas");
  const wide = images.reduce((sum, i) => sum + i.width + gap, -gap);
  canvas.width = Math.ceil(wide * scale);
  canvas.height = Math.min(highest, Math.ceil(scale * Math.max(...images.map((i) => i.height))));
  const brush = canvas.getContext("2d")!;
  brush.fillStyle = "#808890";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  let x = 0;
  brush.scale(scale, scale);
  brush.imageSmoothingQuality = "high";
  for (const image of images) {
    brush.drawImage(image, x, 0);
    x += image.width + gap;
  }
  const { data } = brush.getImageData(0, 0, canvas.width, canvas.height);
  const colors = new Map<number, number>();
  for (let i = 0; i < data.length; i += 4) {
    const color = (data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!;
    colors.set(color, (colors.get(color) ?? 0) + 1);
  }
  // Those that are there most, and no two that nobody can tell apart.
  const palette: number[] = [];
  const far = (a: number, b: number) =>
    Math.abs((a >> 16) - (b >> 16)) + Math.abs(((a >> 8) & 255) - ((b >> 8) & 255)) + Math.abs((a & 255) - (b & 255));
  for (const [color] of [...colors].sort((a, b) => b[1] - a[1])) {
    if (palette.length === most) break;
    if (palette.length < 12 ? !palette.includes(color) : palette.every((p) => far(p, color) > 24)) palette.push(color);
  }
  const nearest = new Map<number, number>();
  for (const [color] of colors) {
    let best = 0;
    palette.forEach((p, i) => { if (far(p, color) < far(palette[best]!, color)) best = i; });
    nearest.set(color, best);
  }
  let pixels = "";
  const row = new Uint8Array(canvas.width * canvas.height);
  for (let i = 0; i < row.length; i++) row[i] = nearest.get((data[4 * i]! << 16) | (data[4 * i + 1]! << 8) | data[4 * i + 2]!)!;
  for (let i = 0; i < row.length; i += 8192) pixels += String.fromCharCode(...row.subarray(i, i + 8192));
  return { width: canvas.width, height: canvas.height, palette, pixels: btoa(pixels) };
}

// png is a picture of one byte for each pixel, its place in the palette.
export function png(width: number, height: number, palette: number[], pixels: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8); // 8 bits, palette
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) pixels.copy(rows, y * (width + 1) + 1, y * width, (y + 1) * width);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]))),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind), data]), out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}
