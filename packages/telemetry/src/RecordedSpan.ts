import { Context, Option, Tracer } from "effect"

/**
 * The nearest span that there is outside of this process. Where tracing is off, Effect puts a span in the place of each one it
 * does not make, whose ids are no ids: there it is the client's, or none.
 */
export const recordedSpan = (span: Tracer.AnySpan): Option.Option<Tracer.AnySpan> => {
  if (!Context.get(span.annotations, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? Option.flatMap(span.parent, recordedSpan) : Option.none()
}
