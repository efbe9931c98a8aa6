import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"
import { documented } from "./Documented.ts"

const Jwks = Schema.Struct({
  keys: Schema.Array(
    Schema.Struct({
      kty: Schema.Literal("OKP"),
      crv: Schema.Literal("Ed25519"),
      x: Schema.String,
      kid: Schema.String,
      alg: Schema.Literal("EdDSA"),
      use: Schema.Literal("sig")
    })
  )
}).annotate({
  identifier: "Jwks",
  description: "A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037); empty where tokens are signed with HS256.",
  examples: [
    {
      keys: [
        {
          kty: "OKP",
          crv: "Ed25519",
          x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
          kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
          alg: "EdDSA",
          use: "sig"
        }
      ]
    }
  ]
})

const OpenApiJson = Schema.Record(Schema.String, Schema.Json).annotate({
  description: "This document.",
  examples: [{ openapi: "3.1.0", info: { title: "User Service", version: "1.0.0" }, paths: {} }]
})

const text = (contentType: string, description: string, example: string) =>
  Schema.String.annotate({ description, examples: [example] }).pipe(HttpApiSchema.asText({ contentType }))

/** What is served in formats of its own, outside the envelope: plain routes, described here for the OpenAPI document alone. */
export class DocumentsApi extends HttpApiGroup.make("documents")
  .add(
    HttpApiEndpoint.get("jwks", "/.well-known/jwks.json", {
      success: HttpApiSchema.WithHeaders(Jwks, { "cache-control": Schema.String })
    }).annotateMerge(
      documented({
        id: "getJwks",
        summary: "The keys that access tokens are checked with",
        description: "May be kept as long as `Cache-Control` says; a new key signs only once every copy can have it."
      })
    ),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: text(
        "text/plain; version=0.0.4; charset=utf-8",
        "The measurements of this process.",
        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.4\n"
      ),
      error: Failures.AuthenticationRequired
    })
      .annotate(OpenApi.Override, { security: [{ metrics: [] }, {}] })
      .annotateMerge(documented({ id: "getMetrics", summary: "Metrics for Prometheus" })),
    HttpApiEndpoint.get("openApiJson", "/api/schema", { success: OpenApiJson }).annotateMerge(
      documented({ id: "getOpenApiJson", summary: "This document, as JSON" })
    ),
    HttpApiEndpoint.get("openApiYaml", "/api/schema.yml", {
      success: text("application/yaml; charset=utf-8", "This document.", "openapi: 3.1.0\n")
    }).annotateMerge(documented({ id: "getOpenApiYaml", summary: "This document, as YAML" }))
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Documents",
      description: "Keys, metrics and this document. `/api/docs/swagger` and `/api/docs/redoc` show it as a page."
    })
  ) {}
