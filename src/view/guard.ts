/**
 * Who may ask the server. It listens on the loopback interface, which every program and every web page on this machine reaches: the
 * token keeps programs of other users away, `Host` a name that was bound to 127.0.0.1 afterwards (DNS rebinding), `Origin` and
 * `Sec-Fetch-Site` the pages of other sites.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** 128 bits, as a folder of the address. */
export const newToken = (): string => randomBytes(16).toString("base64url");

export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

export interface Asked {
  /** Behind the token, without the leading slash. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What is asked for, or why it is refused. Reads nothing but the head of the request. */
export function admit(request: IncomingMessage, token: string, port: number): Asked | Refusal {
  const { method, url = "/", headers } = request;
  const hosts = ["127.0.0.1", "localhost"].map((name) =>
    port === 80 ? [name, `${name}:80`] : `${name}:${port}`,
  );
  if (!hosts.flat().includes(headers.host ?? ""))
    return { status: 403, reason: `this server answers to 127.0.0.1:${port} alone` };
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
    return { status: 403, reason: "a page of another origin asks" };
  const site = headers["sec-fetch-site"];
  if (site === "cross-site" || site === "same-site")
    return { status: 403, reason: "a page of another site asks; open the address itself" };
  const address = parse(url);
  if (address === null) return { status: 400, reason: "the address cannot be read" };
  const [, given = "", ...rest] = address.pathname.split("/");
  if (!sameText(given, token))
    return {
      status: 403,
      reason: "the address lacks its token; open the whole address that gradflow view printed",
    };
  if (method !== "GET") return { status: 405, reason: "this server only shows: GET" };
  if (rest.length === 0) return { status: 404, reason: "the address ends in a slash" };
  return { path: rest.join("/"), query: address.searchParams };
}

function parse(url: string): URL | null {
  try {
    return new URL(url, "http://127.0.0.1");
  } catch {
    return null;
  }
}

/** In a time that does not tell how much of it was right. */
function sameText(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Nothing from elsewhere, nothing inline, no frame around it, no address of it told to others. */
export const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Cache-Control": "no-store",
} as const;

/** For a file of a record that is opened by itself: whatever it holds, it runs nothing and loads nothing. */
export const FILE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox";
