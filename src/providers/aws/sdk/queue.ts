import * as sqs from "@aws-sdk/client-sqs";
import type { QueueMessage } from "../aws-api.ts";
import type { Clients } from "./clients.ts";

/** Short enough not to hold up the end of the process. */
const WAIT_SECONDS = 5;
/** A message that nobody has taken away by then comes again. */
const VISIBILITY_SECONDS = 20;
const MESSAGES_MAX = 10;

export function queueCalls({ sqs: client }: Clients) {
  return {
    getQueueUrl: {
      action: "sqs:GetQueueUrl",
      run: async (name: string) => (await client.send(new sqs.GetQueueUrlCommand({ QueueName: name }))).QueueUrl ?? "",
    },
    receiveMessages: {
      action: "sqs:ReceiveMessage",
      async run(queueUrl: string): Promise<QueueMessage[]> {
        const { Messages = [] } = await client.send(
          new sqs.ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: MESSAGES_MAX,
            WaitTimeSeconds: WAIT_SECONDS,
            VisibilityTimeout: VISIBILITY_SECONDS,
          }),
        );
        return Messages.map(({ MessageId = "", ReceiptHandle = "", Body = "" }) => ({
          id: MessageId,
          receipt: ReceiptHandle,
          body: Body,
        }));
      },
    },
    deleteMessage: {
      action: "sqs:DeleteMessage",
      async run(queueUrl: string, receipt: string) {
        await client.send(new sqs.DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receipt }));
      },
    },
  };
}
