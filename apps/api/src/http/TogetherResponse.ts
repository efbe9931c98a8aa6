import { type IncomingMessage, ServerResponse } from "node:http"

const waiting: Array<() => void> = []

const endAll = (): void => {
  for (const end of waiting.splice(0)) end()
}

/**
 * An answer that goes out at the end of the turn of the event loop, with all others that were ready in it. A write that
 * wakes whoever waits for it costs several times one to somebody awake, and a client, or a proxy, of many requests is
 * awake after the first.
 */
export class TogetherResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override end(onEnd?: () => void): this
  override end(chunk: unknown, onEnd?: () => void): this
  override end(chunk: unknown, encoding: BufferEncoding, onEnd?: () => void): this
  override end(...given: ReadonlyArray<unknown>): this {
    if (waiting.length === 0) setImmediate(endAll)
    waiting.push(() => {
      try {
        Reflect.apply(super.end, this, given)
      } catch (cause) {
        // Nobody is there any more to hear of it but the client: a body that is not as long as was said.
        this.destroy(cause instanceof Error ? cause : new Error(String(cause)))
      }
    })
    return this
  }
}
