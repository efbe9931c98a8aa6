import { type IncomingMessage, ServerResponse } from "node:http"

const waiting: Array<() => void> = []

const endAll = (): void => {
  for (const end of waiting.splice(0)) end()
}

/**
 * Delays `end()` to the end of the event-loop turn, so that all responses of a turn are written back to back (decision
 * 0014). A write that wakes the receiving process costs several times one to a process that is running, and a client or
 * proxy with many requests is running after the first.
 */
export class CoalescedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override end(onEnd?: () => void): this
  override end(chunk: unknown, onEnd?: () => void): this
  override end(chunk: unknown, encoding: BufferEncoding, onEnd?: () => void): this
  override end(...given: ReadonlyArray<unknown>): this {
    if (waiting.length === 0) setImmediate(endAll)
    waiting.push(() => {
      try {
        Reflect.apply(super.end, this, given)
      } catch (cause) {
        // The caller of `end` has returned. Only the client can learn that the body is not as long as its header says.
        this.destroy(cause instanceof Error ? cause : new Error(String(cause)))
      }
    })
    return this
  }
}
