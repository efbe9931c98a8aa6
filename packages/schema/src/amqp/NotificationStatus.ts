import type { StatusReport } from "@user-service/domain/Delivery"
import { Option, Record, Schema } from "effect"
import { statusReport, StatusReportInput } from "../Delivery.ts"

const decodeBody = Schema.decodeUnknownOption(Schema.fromJsonString(StatusReportInput))

/** Decodes a status report. None if the body is not JSON in UTF-8, or not a status report. */
export const readNotificationStatus = (body: Uint8Array): Option.Option<StatusReport> =>
  Option.map(Option.flatMap(decodeText(body), decodeBody), statusReport)

const personalTexts = new Set(["push_token", "error"])
const fields = new Set(Object.keys(StatusReportInput.fields).filter((field) => !personalTexts.has(field)))

/**
 * A status report in which only ids, states, times and codes identify its recipient: without the push token, the sender's words and
 * fields of no meaning here, any of which may be personal data. The same bytes if it has none of them.
 */
export const removePersonalTexts = (body: Uint8Array): Uint8Array =>
  Option.match(Option.flatMap(decodeText(body), decodeObject), {
    onNone: () => body,
    onSome: (report) => {
      const kept = Record.filter(report, (_, field) => fields.has(field))
      return Record.size(kept) === Record.size(report) ? body : encoder.encode(JSON.stringify(kept))
    }
  })

const decodeObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
const encoder = new TextEncoder()
const utf8 = new TextDecoder("utf-8", { fatal: true })
const decodeText = Option.liftThrowable((bytes: Uint8Array) => utf8.decode(bytes))
