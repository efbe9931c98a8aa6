import { respond } from "@user-service/runtime/Metrics"
import { CredentialRefusals } from "@user-service/telemetry/CredentialRefusals"
import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { EdgeSettings } from "../edge/EdgeSettings.ts"
import { CurrentFacts } from "../endpoints/RequestFacts.ts"
import { failure } from "../endpoints/Answers.ts"
import { MetricsText } from "./MetricsText.ts"

/** `/metrics`. Requires `METRICS_TOKEN` if it is set. */
export const MetricsHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const { metricsToken: token } = yield* EdgeSettings
    const refusals = yield* CredentialRefusals
    const text = yield* MetricsText
    const recordRefusal = Effect.flatMap(CurrentFacts, ({ origin: { ip } }) =>
      refusals.record({ event: "metrics_token_refused", reason: "unknown", ip })
    )
    yield* router.add("GET", "/metrics", respond({ token, text, recordRefusal, failure }))
  })
)
