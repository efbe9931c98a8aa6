import type { UnsubscribeLink } from "@user-service/security/UnsubscribeTokens"
import { escape } from "../docs/Html.ts"
import { type HtmlPage, noticeHtml, noticePage } from "./Layout.ts"
import type { Texts } from "./Texts.ts"

type Target = Pick<UnsubscribeLink, "channel" | "category">

// Without an address, a form is sent to the address of its page, which is the link itself.
const form = (action: string, label: string, style = ""): string =>
  `<form method="post">
<input type="hidden" name="action" value="${action}">
<button type="submit"${style}>${escape(label)}</button>
</form>`

/** Asks whether to switch the category off. */
export const confirmPage = (texts: Texts, { category, channel }: Target): HtmlPage => {
  const notice = texts.confirm(channel, category)
  return { title: notice.heading, body: `${noticeHtml(notice)}\n${form("unsubscribe", texts.unsubscribe)}` }
}

/** Says that the category is off. */
export const offPage = (texts: Texts, { category, channel }: Target, isUndoable: boolean): HtmlPage => {
  const notice = texts.off(channel, category)
  return {
    title: notice.heading,
    body: noticeHtml(notice, ` role="status"`) + (isUndoable ? `\n${form("undo", texts.undo, ` class="quiet"`)}` : "")
  }
}

/** Says that the category was not switched on, because the link did not switch it off. */
export const notUndonePage = (texts: Texts, { category, channel }: Target): HtmlPage =>
  noticePage(texts.notUndone(channel, category), 200)

/** Says that the category is on. */
export const onPage = (texts: Texts, { category, channel }: Target): HtmlPage => {
  const notice = texts.on(channel, category)
  return {
    title: notice.heading,
    body: `${noticeHtml(notice, ` role="status"`)}\n${form("unsubscribe", texts.unsubscribe, ` class="quiet"`)}`
  }
}
