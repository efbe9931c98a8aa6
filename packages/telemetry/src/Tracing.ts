import { Config, Effect, Layer, Option, Predicate, Random, References, Schema, Tracer } from "effect"
import { HttpBody, type HttpClient } from "effect/http"
import { OtlpExporter, OtlpSerialization, OtlpTracer } from "effect/observability"
import { isCredential, mark, maskText } from "@user-service/domain/Redaction"

/** Where spans go, and what share of the traces begun here. */
export interface TracingSettings {
  /** The base address of an OTLP/HTTP collector; none: nothing is exported. */
  readonly endpoint: Option.Option<URL>
  /** 0 to 1. */
  readonly ratio: number
}

const Endpoint = Schema.URLFromString.check(
  Schema.makeFilter(
    ({ port, protocol }) =>
      (/^https?:$/.test(protocol) && port !== "0") || "must be an http:// or https:// URL, with a port from 1 to 65535"
  )
)
const Ratio = Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** `OTEL_EXPORTER_OTLP_ENDPOINT` (none) and `OTEL_TRACES_SAMPLER_ARG` (0.1). */
export const config: Config.Config<TracingSettings> = Config.all({
  endpoint: Config.option(Config.schema(Endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT")),
  ratio: Config.schema(Ratio, "OTEL_TRACES_SAMPLER_ARG").pipe(Config.withDefault(0.1))
})

/**
 * Exports spans to the collector, as JSON, in batches, the last when the scope closes. A trace begun elsewhere keeps what
 * was decided there. A collector out of reach costs spans, never a request.
 */
export const layer = (
  settings: TracingSettings,
  resource: { readonly serviceName: string; readonly serviceVersion: string }
): Layer.Layer<never, never, HttpClient.HttpClient> =>
  Option.match(settings.endpoint, {
    // Spans that nobody will see are not made.
    onNone: () => Layer.succeed(References.TracerEnabled, false),
    onSome: (endpoint) =>
      Layer.effect(Tracer.Tracer, sampled(tracesUrl(endpoint), settings.ratio, resource)).pipe(
        Layer.provide([OtlpExporter.layerFlusher, serialization])
      )
  })

// OpenTelemetry, "OTLP Exporter Configuration": the path of the signal is put after the path of the base.
const tracesUrl = (endpoint: URL): string => {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`
  return url.href
}

const sampled = Effect.fnUntraced(function* (
  url: string,
  ratio: number,
  resource: { readonly serviceName: string; readonly serviceVersion: string }
) {
  const tracer = yield* OtlpTracer.make({ url, resource })
  const random = yield* Random.Random
  return Tracer.make({
    ...tracer,
    span: (options) =>
      tracer.span(
        Option.isNone(options.parent) && random.nextDoubleUnsafe() >= ratio ? { ...options, sampled: false } : options
      )
  })
})

// What a client words as it likes, and so may hold an opaque credential. Where a request went is told by `http.route`.
const wordedByClients = new Set(["url.full", "url.path", "url.query", "server.address", "user_agent.original"])

const isWordedByClients = (attribute: unknown): boolean =>
  Predicate.hasProperty(attribute, "key") && typeof attribute.key === "string" && wordedByClients.has(attribute.key)

// A span shows what a log line would: the same is masked in it.
const masked = (name: string, value: unknown): unknown => {
  if (typeof value === "string") return maskText(value)
  if (name === "attributes" && Array.isArray(value)) return value.filter((attribute) => !isWordedByClients(attribute))
  // As OTLP writes them; JSON alone would say null.
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  const key = Predicate.hasProperty(value, "key") ? value.key : undefined
  return typeof key === "string" && isCredential(key) ? { key, value: { stringValue: mark } } : value
}

const json = (data: unknown): HttpBody.HttpBody => HttpBody.text(JSON.stringify(data, masked), "application/json")

const serialization = Layer.succeed(OtlpSerialization.OtlpSerialization, { traces: json, metrics: json, logs: json })
