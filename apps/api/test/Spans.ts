import { Context, Effect, Layer, Tracer } from "effect"

/** The spans of the service, in the order of their start. */
export class Spans extends Context.Service<Spans, Array<Tracer.Span>>()("@user-service/api/test/Spans") {
  static readonly layer = Layer.effectContext(
    Effect.sync(() => {
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      return Context.make(Spans, spans).pipe(Context.add(Tracer.Tracer, tracer))
    })
  )
}
