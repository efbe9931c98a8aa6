import type { LogLevel } from "effect"
import type { LogSink } from "./LogSink.ts"
import { maskText } from "@user-service/domain/Redaction"

/** A request that was answered. */
export interface AnsweredRequest {
  /** When it was answered, milliseconds since 1970. */
  readonly time: number
  readonly request_id: string
  readonly method: string
  /** The route's pattern, never the path itself, which may carry what a log must not; absent where none matched. */
  readonly route: string | undefined
  readonly status: number
  readonly duration_ms: number
  readonly user_id?: string | undefined
  /** The name of the service key it was made with. */
  readonly service?: string | undefined
  readonly ip?: string | undefined
  readonly trace_id?: string | undefined
}

/** A failure of ours is an error, what a client got wrong is its own affair, and a probe that is answered is no news. */
export const levelOf = (route: string | undefined, status: number): LogLevel.Severity => {
  if (route !== undefined && isProbe(route)) return status >= 500 ? "Warn" : "Debug"
  return status >= 500 ? "Error" : "Info"
}

/**
 * Writes the one line of a request. It stands on the way of every request, so it goes to the sink directly: what it is
 * given must be masked already, but for the request id, which is the client's to choose.
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
