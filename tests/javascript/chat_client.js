// The official OpenAI client for JavaScript against a node: what it sees, as JSON on stdout.
//
//   cd FOLDER_OF_THE_PACKAGES && node chat_client.js BASE_URL QUESTION
import { createRequire } from 'node:module';

const { OpenAI } = createRequire(process.cwd() + '/')('openai');

const [baseURL, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
const request = { model: 'raglan', messages: [{ role: 'user', content: question }] };

const whole = await client.chat.completions.create(request);

const stream = await client.chat.completions.create({
  ...request,
  stream: true,
  stream_options: { include_usage: true },
});
const chunks = [];
for await (const chunk of stream) chunks.push(chunk);

let refusal;
try {
  await client.chat.completions.create({ ...request, n: 2 });
} catch (error) {
  refusal = { name: error.constructor.name, status: error.status, code: error.code };
}

// The helper that gathers a stream into a message checks its shape as it goes.
const gathered = await client.chat.completions.stream(request).finalChatCompletion();

const models = (await client.models.list()).data.map((model) => model.id);
console.log(JSON.stringify({ whole, chunks, refusal, gathered, models }));
