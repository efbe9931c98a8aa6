import type { StatusReport } from "@user-service/domain/Delivery"
import { Option, Schema } from "effect"
import { statusReport, StatusReportInput } from "../Delivery.ts"

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(StatusReportInput))

/** Decodes a status report. None if the body is not JSON in UTF-8, or not a status report. */
export const readNotificationStatus = (body: Uint8Array): Option.Option<StatusReport> =>
  Option.map(Option.flatMap(decodeText(body), decodeBody), statusReport)

const utf8 = new TextDecoder("utf-8", { fatal: true })
const decodeText = Option.liftThrowable((bytes: Uint8Array) => utf8.decode(bytes))
