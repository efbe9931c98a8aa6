import { Config, Effect, Layer, Option, Predicate, Random, References, Schema, Tracer } from "effect"
import { HttpBody, type HttpClient } from "effect/http"
import { OtlpExporter, OtlpSerialization, OtlpTracer } from "effect/observability"
import { isCredential, mark, maskText } from "@user-service/domain/Redaction"

export interface TracingSettings {
  /** The base URL of an OTLP/HTTP collector. None disables tracing. */
  readonly endpoint: Option.Option<URL>
  /** The sampled share of the traces that begin in this process, 0 to 1. */
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
 * Exports spans to the collector as JSON in batches, the last one when the scope closes. A trace that began elsewhere keeps its
 * sampling decision. If the collector is unreachable, spans are lost, but no request fails.
 */
export const layer = (
  settings: TracingSettings,
  resource: { readonly serviceName: string; readonly serviceVersion: string }
): Layer.Layer<never, never, HttpClient.HttpClient> =>
  Option.match(settings.endpoint, {
    // Creates no spans if they are not exported.
    onNone: () => Layer.succeed(References.TracerEnabled, false),
    onSome: (endpoint) =>
      Layer.effect(Tracer.Tracer, makeSampledTracer(tracesUrl(endpoint), settings.ratio, resource)).pipe(
        Layer.provide([OtlpExporter.layerFlusher, serialization])
      )
  })

// OpenTelemetry, "OTLP Exporter Configuration": the path of the signal is appended to the path of the base URL.
const tracesUrl = (endpoint: URL): string => {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`
  return url.href
}

const makeSampledTracer = Effect.fnUntraced(function* (
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

// Attributes with text of the client's choice, which may contain credentials. `http.route` identifies the request instead.
const clientAttributes = new Set(["url.full", "url.path", "url.query", "server.address", "user_agent.original"])

const isClientAttribute = (attribute: unknown): boolean =>
  Predicate.hasProperty(attribute, "key") && typeof attribute.key === "string" && clientAttributes.has(attribute.key)

// A JSON replacer that masks the same credentials in spans as in log lines.
const maskValue = (name: string, value: unknown): unknown => {
  if (typeof value === "string") return maskText(value)
  if (name === "attributes" && Array.isArray(value)) return value.filter((attribute) => !isClientAttribute(attribute))
  // OTLP encodes NaN and infinities as strings, JSON.stringify as null.
  if (typeof value === "number" && !Number.isFinite(value)) return String(value)
  const key = Predicate.hasProperty(value, "key") ? value.key : undefined
  return typeof key === "string" && isCredential(key) ? { key, value: { stringValue: mark } } : value
}

const json = (data: unknown): HttpBody.HttpBody => HttpBody.text(JSON.stringify(data, maskValue), "application/json")

const serialization = Layer.succeed(OtlpSerialization.OtlpSerialization, { traces: json, metrics: json, logs: json })
