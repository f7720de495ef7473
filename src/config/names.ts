/** Names that a study gives, and that become keys, titles and files. */
import type { z } from "zod";

/** Refuses the names that every JavaScript object has, such as `constructor`: libraries that look names up would find those. */
export function plainName<T extends z.ZodType<string>>(schema: T): T {
  return schema.refine(
    (name) => !(name in {}),
    "must not be a name that every JavaScript object has, such as constructor or toString",
  );
}
