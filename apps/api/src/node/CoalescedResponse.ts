import { type IncomingMessage, ServerResponse } from "node:http"

const pending: Array<() => void> = []

const endAll = (): void => {
  for (const end of pending.splice(0)) end()
}

/**
 * Delays `end()` to the end of the event-loop turn, so that all responses of a turn are written back to back (decision
 * 0039). A write that wakes the receiving process costs several times as much as a write to a running one, and a client or
 * proxy with many requests is running after the first response.
 */
export class CoalescedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override end(onEnd?: () => void): this
  override end(chunk: unknown, onEnd?: () => void): this
  override end(chunk: unknown, encoding: BufferEncoding, onEnd?: () => void): this
  override end(...args: ReadonlyArray<unknown>): this {
    if (pending.length === 0) setImmediate(endAll)
    pending.push(() => {
      try {
        Reflect.apply(super.end, this, args)
      } catch (cause) {
        // The caller of `end` has returned, so the error cannot reach it. Closing the connection tells the client.
        this.destroy(cause instanceof Error ? cause : new Error(String(cause)))
      }
    })
    return this
  }
}
