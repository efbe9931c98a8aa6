import { Context, Option, Tracer } from "effect"

/**
 * The nearest span with valid ids, starting at `span`. When tracing is disabled Effect creates placeholder spans without valid ids, so the
 * result is the client's span, or none.
 */
export const recordedSpan = (span: Tracer.AnySpan): Option.Option<Tracer.AnySpan> => {
  if (!Context.get(span.annotations, Tracer.DisablePropagation)) return Option.some(span)
  return span._tag === "Span" ? Option.flatMap(span.parent, recordedSpan) : Option.none()
}
