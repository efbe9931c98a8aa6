import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Logs from "./Logs.ts"
import type { LogSettings } from "./LogSink.ts"
import * as Tracing from "./Tracing.ts"

export interface TelemetrySettings {
  readonly logs: LogSettings
  readonly tracing: Tracing.TracingSettings
}

/** Logs and traces of a program, and the HTTP client that exports the traces. Provide it outermost, see {@link Logs.layer}. */
export const layer = (
  { logs, tracing }: TelemetrySettings,
  { service, version }: { readonly service: string; readonly version: string }
) =>
  Tracing.layer(tracing, { serviceName: service, serviceVersion: version }).pipe(
    Layer.provideMerge([Logs.layer(logs), FetchHttpClient.layer])
  )
