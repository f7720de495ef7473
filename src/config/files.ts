/** The files a config refers to: which they are, whether they exist. Never reads what they hold. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { sources } from "../data/sources/index.js";
import { type Finding, nearest } from "./messages.js";
import type { Sections } from "./schema.js";

/** A field of the config that names a file. */
export interface FileReference {
  readonly path: readonly string[];
  /** As written: relative to the config file's folder, or absolute. */
  readonly file: string;
  /** Whether it is an ONNX file, which may keep its tensors in others. */
  readonly isNetwork?: true;
}

/** Every file that the sound sections of a config name. */
export function fileReferences({ dataset, model }: Sections): FileReference[] {
  const references: FileReference[] = [];
  if (dataset?.kind === "file") {
    references.push({ path: ["dataset", "inputs"], file: dataset.inputs });
    references.push({ path: ["dataset", "targets"], file: dataset.targets });
  }
  const source = sources.find(({ kind }) => kind === dataset?.kind);
  for (const field of source?.files ?? []) {
    const named = (dataset as unknown as Record<string, string | readonly string[]>)[field]!;
    if (typeof named === "string") references.push({ path: ["dataset", field], file: named });
    else
      for (const [k, file] of named.entries()) references.push({ path: ["dataset", field, String(k)], file });
  }
  if (dataset?.graph?.kind === "file")
    references.push({ path: ["dataset", "graph", "edges"], file: dataset.graph.edges });
  if (dataset?.kind === "teacher" && "path" in dataset.network.init) {
    references.push({ path: ["dataset", "network", "init", "path"], file: dataset.network.init.path });
  }
  if (model?.kind === "onnx")
    references.push({ path: ["model", "path"], file: model["path"] as string, isNetwork: true });
  if (model !== undefined && "path" in model.init)
    references.push({ path: ["model", "init", "path"], file: model.init.path });
  return references;
}

/** The references that lead to no file. */
export async function checkFiles(sections: Sections, baseDir: string): Promise<Finding[]> {
  const findings = await Promise.all(
    fileReferences(sections).map(async ({ path, file }) => {
      const full = resolve(baseDir, file);
      const found = await stat(full).catch(() => null);
      if (found?.isFile()) return [];
      const fault = found === null ? "no such file" : "not a file";
      const near = found === null ? await suggestFile(full) : "";
      return [
        {
          path,
          message: `${fault}: ${file} (looked for ${full}; names are relative to the config file).${near}`,
        },
      ];
    }),
  );
  return findings.flat();
}

/** ` Did you mean …?` where the folder of a missing file holds one of nearly that name; empty else. */
export async function suggestFile(missing: string): Promise<string> {
  const entries = await readdir(dirname(missing), { withFileTypes: true }).catch(() => []);
  const files = entries.flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
  const near = nearest(basename(missing), files);
  return near === null ? "" : ` Did you mean ${join(dirname(missing), near)}?`;
}
