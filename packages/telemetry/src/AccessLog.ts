import type { LogLevel } from "effect"
import type { LogSink } from "./LogSink.ts"
import { maskText } from "@user-service/domain/Redaction"

/** The fields of an access log line. */
export interface AnsweredRequest {
  /** The time of the answer, in milliseconds since 1970. */
  readonly time: number
  readonly request_id: string
  readonly method: string
  /** The pattern of the route. Never the path, which may contain secrets. Undefined if no route matched. */
  readonly route: string | undefined
  readonly status: number
  readonly duration_ms: number
  readonly user_id?: string | undefined
  /** The name of the service key. */
  readonly service?: string | undefined
  readonly ip?: string | undefined
  readonly trace_id?: string | undefined
}

/** The log level: error for status 5xx, info otherwise. Probes are logged at debug, or at warn if they fail. */
export const levelOf = (route: string | undefined, status: number): LogLevel.Severity => {
  if (route !== undefined && isProbe(route)) return status >= 500 ? "Warn" : "Debug"
  return status >= 500 ? "Error" : "Info"
}

/**
 * Writes the access log line of a request, directly to the sink for speed. Masks only the request id, which the client may choose.
 * The caller must mask the other fields.
 */
export const write = (sink: LogSink["Service"], request: AnsweredRequest): void => {
  const level = levelOf(request.route, request.status)
  if (!sink.isEnabled(level)) return
  sink.write({
    level,
    time: request.time,
    message: `${request.method} ${request.route ?? "(no route)"} ${request.status}`,
    fields: {
      request_id: maskText(request.request_id),
      method: request.method,
      route: request.route,
      status: request.status,
      duration_ms: Math.round(request.duration_ms * 1000) / 1000,
      user_id: request.user_id,
      service: request.service,
      ip: request.ip,
      trace_id: request.trace_id
    }
  })
}

const isProbe = (route: string): boolean =>
  route.startsWith("/health") || route.startsWith("/metrics") || route.startsWith("/api/v1/users/health")
