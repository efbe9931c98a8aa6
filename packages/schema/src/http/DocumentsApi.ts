import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Failures } from "../Failures.ts"
import { describeOperation } from "./OperationDescription.ts"
import { IsProbe } from "./RouteFacts.ts"

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
  description: "A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037). Empty if tokens are signed with HS256.",
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

const jsonDocument = (description: string, example: Schema.JsonObject) =>
  Schema.Record(Schema.String, Schema.Json).annotate({ description, examples: [example] })

const info = { title: "User Service", version: "1.0.0" }

const text = (contentType: string, description: string, example: string) =>
  Schema.String.annotate({ description, examples: [example] }).pipe(HttpApiSchema.asText({ contentType }))

/** The routes that answer without the envelope. They are declared here only for the OpenAPI document and the route table. */
export class DocumentsApi extends HttpApiGroup.make("documents")
  .add(
    HttpApiEndpoint.get("jwks", "/.well-known/jwks.json", {
      success: HttpApiSchema.WithHeaders(Jwks, { "cache-control": Schema.String })
    }).annotateMerge(
      describeOperation({
        id: "getJwks",
        summary: "Read the public keys of access tokens",
        description:
          "The JSON Web Key Set with which others verify access tokens. It may be cached as `Cache-Control` says: a new key " +
          "signs tokens only after all cached copies have expired, and an old key remains until its last token has " +
          "expired. The set is empty if tokens are signed with HS256."
      })
    ),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: text(
        "text/plain; version=0.0.4; charset=utf-8",
        "The metrics of all processes of this API, in the Prometheus text format.",
        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.4\n"
      ),
      error: Failures.AuthenticationRequired
    })
      .annotate(OpenApi.Override, { security: [{ metrics: [] }, {}] })
      .annotate(IsProbe, true)
      .annotateMerge(
        describeOperation({
          id: "getMetrics",
          summary: "Metrics for Prometheus",
          description:
            "Requests, durations, connections, memory and events, in the Prometheus text format. If several processes share " +
            "the port, the values are their sums. Requires `METRICS_TOKEN` as a bearer token if the operator has set it."
        })
      ),
    HttpApiEndpoint.get("openApiJson", "/api/schema", {
      success: jsonDocument("This document.", { openapi: "3.1.0", info, paths: {} })
    }).annotateMerge(
      describeOperation({
        id: "getOpenApiJson",
        summary: "This document, as JSON",
        description:
          "The OpenAPI 3.1 document of the HTTP API, for client and test generators. It is generated from the schemas with " +
          "which the server decodes requests and encodes responses."
      })
    ),
    HttpApiEndpoint.get("openApiYaml", "/api/schema.yml", {
      success: text("application/yaml; charset=utf-8", "This document.", "openapi: 3.1.0\n")
    }).annotateMerge(
      describeOperation({
        id: "getOpenApiYaml",
        summary: "This document, as YAML",
        description: "The same document as `/api/schema`, for people and for tools that read YAML."
      })
    ),
    HttpApiEndpoint.get("asyncApiJson", "/api/asyncapi", {
      success: jsonDocument("The AsyncAPI document.", { asyncapi: "3.0.0", info, channels: {}, operations: {} })
    }).annotateMerge(
      describeOperation({
        id: "getAsyncApiJson",
        summary: "The AsyncAPI document, as JSON",
        description:
          "The AsyncAPI 3.0 document of the messages that the service publishes and consumes. It is generated from the " +
          "schemas that encode and decode them. `/api/docs/asyncapi` shows it as a page."
      })
    )
  )
  .annotateMerge(
    OpenApi.annotations({
      title: "Documents",
      description:
        "Public keys, metrics and machine-readable documentation. The documentation for people starts at `/api/docs`: " +
        "`/api/docs/swagger` and `/api/docs/redoc` show this document as a page."
    })
  ) {}
