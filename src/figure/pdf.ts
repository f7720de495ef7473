/** SVG → PDF, with its letters as letters: the DejaVu Sans that npm installed, only what is used of it. */
import { createRequire } from "node:module";
import { PNG_FONT } from "./theme.js";

/** What is used of pdfkit and svg-to-pdfkit, which are loaded when the first PDF is asked for. */
interface Document {
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
  on(event: "end", listener: () => void): void;
  registerFont(name: string, file: string): void;
  end(): void;
}
type DocumentClass = new (options: object) => Document;
type Draw = (document: Document, svg: string, x: number, y: number, options: object) => void;

const require = createRequire(import.meta.url);

/** A PDF counts 72 points to the inch where an SVG counts 96 pixels. */
const POINTS = 0.75;
const BOLD = `${PNG_FONT} Bold`;

/** One page as large as the picture. Equal SVGs give equal bytes. */
export async function renderPdf(svg: string): Promise<Uint8Array> {
  const PdfDocument = require("pdfkit") as DocumentClass;
  const drawSvg = require("svg-to-pdfkit") as Draw;
  const [, left = "0", top = "0", width = "0", height = "0"] =
    /viewBox="(\S+) (\S+) (\S+) (\S+)"/.exec(svg) ?? [];
  const size = [Number(width) * POINTS, Number(height) * POINTS];
  const document = new PdfDocument({
    size,
    margin: 0,
    info: { CreationDate: new Date(0), Producer: "gradflow" },
  });
  document.registerFont(PNG_FONT, require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"));
  document.registerFont(BOLD, require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"));
  const chunks: Uint8Array[] = [];
  const written = new Promise<void>((done) => {
    document.on("data", (chunk) => chunks.push(chunk));
    document.on("end", done);
  });
  // A line whose gaps are 0 is solid; pdfkit refuses such a dash.
  const solid = svg.replaceAll(/ stroke-dasharray="[\d.]+,0"/g, "");
  drawSvg(document, solid.replace(/ viewBox="[^"]*"/, ` viewBox="${left} ${top} ${width} ${height}"`), 0, 0, {
    width: size[0],
    height: size[1],
    assumePt: true,
    fontCallback: (_family: string, isBold: boolean) => (isBold ? BOLD : PNG_FONT),
  });
  document.end();
  await written;
  return Buffer.concat(chunks);
}
