/** stdout and stderr that may go away or fill up: what is told there is lost, the work is not. */
import { printable } from "./format.js";

/** Node's words for them. */
type Stream = NodeJS.WriteStream & { write(...words: unknown[]): boolean };

/**
 * Keeps a failure to write to a stream from ending the process, whether Node throws it or emits it.
 * @param onLoss told of the first failure
 */
export function bearLoss(stream: NodeJS.WriteStream, onLoss: (error: NodeJS.ErrnoException) => void): void {
  let isLost = false;
  const lose = (error: NodeJS.ErrnoException): void => {
    if (isLost) return;
    isLost = true;
    onLoss(error);
  };
  stream.on("error", lose);
  const write = stream.write.bind(stream) as Stream["write"];
  (stream as Stream).write = (...words) => {
    if (isLost) return false;
    try {
      return write(...words);
    } catch (error) {
      lose(error as NodeJS.ErrnoException);
      return false;
    }
  };
}

/** What is told here is plain text: a record that somebody else made shall not steer the terminal of who looks at it. */
export function keepPlain(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as Stream["write"];
  (stream as Stream).write = (text, ...others) =>
    write(typeof text === "string" ? printable(text) : text, ...others);
}
