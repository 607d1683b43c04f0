// What tests ask of the issue generator's modules in Node: one JSON request on stdin, one answer on stdout.
// `page` is a folder with the modules of the export's page and those of the app.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const request = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(pathToFileURL(`${request.page}/${name}.js`).href);
const { parse, write } = await load("json");

const tasks = {
  /** For each schema's text its template as JSON text and the reports, or the fault. */
  async templates({ schemas, leaf_types: leafTypes }) {
    const { SchemaFault, templateFromJsonSchema } = await load("schema");
    return schemas.map((text) => {
      try {
        const { template, reports } = templateFromJsonSchema(text, leafTypes);
        return [write(template), reports];
      } catch (error) {
        if (!(error instanceof SchemaFault)) throw error;
        return [null, [error.message]];
      }
    });
  },

  /** For each issue's text its parts and its Markdown. */
  async issues({ texts }) {
    const { heading, markdown, parts } = await load("issue");
    return texts.map((text) => {
      const issue = parse(text);
      return [parts(issue).map(({ kind, name, value }) => [kind, heading(name), write(value)]), markdown(issue)];
    });
  },

  /** What each beginning of an answer says so far. */
  async growing({ text }) {
    const { growing } = await load("issue");
    return [...Array(text.length + 1).keys()].map((end) => write(growing(text.slice(0, end))));
  },

  async fields({ lists }) {
    const { fieldsLine } = await load("issue");
    return lists.map(fieldsLine);
  },
};

process.stdout.write(JSON.stringify(await tasks[request.task](request)));
