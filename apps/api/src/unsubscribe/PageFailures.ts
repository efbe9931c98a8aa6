import type { failure } from "../endpoints/Answers.ts"
import { noticePage, respondPage } from "./Layout.ts"
import { type FailureStatus, type Notice, textsIn } from "./Texts.ts"

/** Whether the URL is one of a page of links in mails, valid or not. */
export const isPageUrl = (url: string): boolean => /^\/u(?:[/?]|$)/.test(url)

const isFailureStatus = (status: number, texts: object): status is FailureStatus => status in texts

/** The page for a failure outside of any page, such as an unknown path: in place of the envelope. */
export const pageFailure: typeof failure = (status, _code, _message, headers) => {
  const texts = textsIn()
  const notices: { readonly [status: number]: Notice } = { 404: texts.notFound, 503: texts.unavailable }
  const notice = isFailureStatus(status, texts.failures) ? texts.failures[status] : notices[status]
  return respondPage(texts, noticePage(notice ?? texts.failures[500], status, headers))
}
