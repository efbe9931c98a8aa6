import { failureBody, type FailureCode, noPage } from "@user-service/schema/Envelope"
import { HttpServerResponse } from "effect/http"

/** A failure the server itself answers with, outside any endpoint. */
export const failure = (
  status: number,
  code: FailureCode,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(failureBody({ code, message }), { status, headers })

/** A success whose data is JSON text already, in the envelope. */
export const successText = (message: string, data: string): string =>
  `{"success":true,"message":${JSON.stringify(message)},"data":${data},"error":null,"meta":${noPageText}}`

const noPageText = JSON.stringify(noPage)
