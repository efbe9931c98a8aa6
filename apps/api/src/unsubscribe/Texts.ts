import type { Category, Channel } from "@user-service/domain/Delivery"
import type { UnsubscribeCategory } from "@user-service/security/UnsubscribeTokens"
import { String } from "effect"

/** A heading and the text below it. */
export interface Notice {
  readonly heading: string
  readonly text: string
}

/** All texts of the pages in one language. A translation is a further value of this type in {@link textsIn}. */
export interface Texts {
  /** The BCP 47 tag, for the `lang` attribute. */
  readonly language: string
  readonly confirm: (channel: Channel, category: UnsubscribeCategory) => Notice
  readonly off: (channel: Channel, category: UnsubscribeCategory) => Notice
  readonly on: (channel: Channel, category: UnsubscribeCategory) => Notice
  readonly notUndone: (channel: Channel, category: UnsubscribeCategory) => Notice
  readonly unsubscribe: string
  readonly undo: string
  readonly manage: {
    readonly heading: string
    readonly account: (maskedEmail: string) => string
    readonly channels: {
      readonly [channel in Channel]: { readonly name: string; readonly enabled: string; readonly off: string }
    }
    readonly categories: { readonly [category in Category]: { readonly name: string; readonly hint: string } }
    readonly readOnly: string
    readonly quietHours: string
    readonly quietHint: (timezone: string) => string
    readonly start: string
    readonly end: string
    readonly save: string
    readonly saved: string
    readonly changedMeanwhile: string
    readonly invalid: string
    readonly protected: string
  }
  readonly expired: Notice
  readonly notFound: Notice
  readonly tooMany: (seconds: number) => Notice
  readonly unavailable: Notice
  readonly noChoice: Notice
  readonly failures: { readonly [status in FailureStatus]: Notice }
}

/** The statuses of failures that any page may answer with. */
export type FailureStatus = 400 | 403 | 405 | 413 | 415 | 500

const kinds = {
  email: {
    all: "emails",
    marketing: "marketing emails",
    transactional: "transactional emails",
    system: "system emails"
  },
  push: {
    all: "push notifications",
    marketing: "marketing push notifications",
    transactional: "transactional push notifications",
    system: "system push notifications"
  }
} as const

const english: Texts = {
  language: "en",
  confirm: (channel, category) => ({
    heading: `Unsubscribe from ${kinds[channel][category]}?`,
    text: "You will still get everything else that you have chosen."
  }),
  off: (channel, category) => ({
    heading: "You are unsubscribed",
    text: `You will no longer get ${kinds[channel][category]} from us.`
  }),
  on: (channel, category) => ({
    heading: "You are subscribed again",
    // Does not tell whether the whole channel is off: the link shows only its own category.
    text: `${String.capitalize(kinds[channel][category])} are switched on. You will get them unless all ${kinds[channel].all} are switched off for your account.`
  }),
  notUndone: (channel, category) => ({
    heading: "Nothing was changed",
    text: `Your choice about ${kinds[channel][category]} was last made somewhere else, so this link does not undo it. To change it, sign in to your account.`
  }),
  unsubscribe: "Unsubscribe",
  undo: "Undo",
  manage: {
    heading: "Notification preferences",
    account: (maskedEmail) => `For ${maskedEmail}`,
    channels: {
      email: { name: "Email", enabled: "Get emails", off: "You get no emails while this is off." },
      push: {
        name: "Push notifications",
        enabled: "Get push notifications",
        off: "You get no push notifications while this is off."
      }
    },
    categories: {
      marketing: { name: "Marketing", hint: "News and offers" },
      transactional: { name: "Transactional", hint: "About what you do, such as orders and messages" },
      security: { name: "Security", hint: "About sign-ins and changes to your account" },
      system: { name: "System", hint: "About the service itself, such as maintenance" }
    },
    readOnly: "To change this, sign in to your account.",
    quietHours: "Quiet hours",
    quietHint: (timezone) =>
      `Between these times you get nothing but security notifications. The times are in the time zone ${timezone}. For no quiet hours, leave both empty.`,
    start: "From",
    end: "Until",
    save: "Save",
    saved: "Your preferences are saved.",
    changedMeanwhile:
      "Nothing was saved, because your preferences were changed somewhere else in the meantime. These are the current ones.",
    invalid: "Nothing was saved. Please correct the marked fields.",
    protected:
      "Nothing was saved. Switches that security notifications depend on can only be changed after you sign in."
  },
  expired: {
    heading: "This link is no longer valid",
    text: "To change your preferences, use the link in a newer email, or sign in to your account."
  },
  notFound: {
    heading: "This link does not work",
    text: "It may be incomplete. Please open it from the email again, or copy the whole link."
  },
  tooMany: (seconds) => ({
    heading: "Too many attempts",
    text: `Please try again in ${seconds} seconds.`
  }),
  unavailable: {
    heading: "Please try again soon",
    text: "We cannot reach your preferences at the moment. If you made a choice, it may not be saved: please make it again soon."
  },
  noChoice: {
    heading: "Nothing was changed",
    text: "The form was sent without a choice. Please open the link from the email again."
  },
  failures: {
    400: {
      heading: "The request could not be read",
      text: "Nothing was changed. Please open the link from the email again."
    },
    403: {
      heading: "This address is not the right one",
      text: "Nothing was changed. Please open the link as it is in the email, with https."
    },
    405: { heading: "This is not possible here", text: "Please open the link from the email again." },
    413: { heading: "The form is too large", text: "Nothing was changed. Please open the link from the email again." },
    415: {
      heading: "The form could not be read",
      text: "Nothing was changed. A form is sent as application/x-www-form-urlencoded or multipart/form-data."
    },
    500: { heading: "Something went wrong", text: "This is our mistake. Please try again later." }
  }
}

const translations: ReadonlyMap<string, Texts> = new Map([["en", english]])

/** The texts in the user's language (BCP 47), or else in English. */
export const textsIn = (language = "en"): Texts =>
  translations.get(language.toLowerCase()) ?? translations.get(language.toLowerCase().split("-")[0] ?? "") ?? english
