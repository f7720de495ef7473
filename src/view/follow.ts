/** Server-sent events of one page: `runs` when the table of runs has changed, `rows` with what was added to the curves it shows, `stale` where they are to be asked for again. */
import type { Catalogue } from "./catalogue.js";
import type { Reading, TableName, Tables } from "./curves.js";

/** More new rows than these at once are not sent one by one: the page asks for its thinned window again. */
const MOST_ROWS = 4000;

/** One curve set that a page shows: a column of a run over a clock, and how far the page has read each table. */
export interface Followed {
  readonly run: number;
  readonly x: string;
  readonly y: string;
  readonly reading: Readonly<Partial<Record<TableName, Reading>>>;
}

type Send = (event: string, data: unknown) => void;

/** @returns looks once for news and sends them; calls must not overlap */
export function follow(
  catalogue: Catalogue,
  tables: Tables,
  followed: readonly Followed[],
  send: Send,
): () => Promise<void> {
  let version = -1;
  const state = followed.map((one) => ({ ...one, reading: { ...one.reading }, gone: false }));
  return async () => {
    if (catalogue.version() !== version) {
      version = catalogue.version();
      send("runs", catalogue.progress());
    }
    for (const one of state) {
      const entry = catalogue.get(one.run);
      if (one.gone) continue;
      if (entry === undefined) {
        one.gone = true;
        send("gone", { run: one.run });
        continue;
      }
      for (const [name, since] of Object.entries(one.reading)) {
        const table = name as TableName;
        const news = await tables.newRows(entry.directory, table, one, since, MOST_ROWS).catch(() => null);
        if (news === null) {
          // The page asks again and follows anew from what it gets.
          delete one.reading[table];
          send("stale", { run: one.run, x: one.x, y: one.y });
        } else if (news.rows.length > 0) {
          one.reading[table] = news.reading;
          send("rows", {
            run: one.run,
            x: one.x,
            y: one.y,
            table,
            from: since.bytes,
            reading: news.reading,
            rows: news.rows,
          });
        } else one.reading[table] = news.reading;
      }
    }
  };
}
