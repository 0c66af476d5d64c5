// Types of @grafana/schema in, one JSON schema per dashboard part out. Run by generate.sh.
import { writeFileSync } from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';

const raw = 'node_modules/@grafana/schema/dist/types/raw';
const panels = ['bargauge', 'heatmap', 'stat', 'table', 'text', 'timeseries'];
const withFields = ['heatmap', 'timeseries'];

function schema(path, type) {
  const generator = createGenerator({
    path: `${raw}/${path}/x/types.gen.d.ts`,
    tsconfig: 'tsconfig.json',
    type,
    skipTypeCheck: true,
    jsDoc: 'none',
    additionalProperties: false,
  });
  return generator.createSchema(type);
}

const parts = { dashboard: schema('dashboard', 'Dashboard') };
for (const panel of panels) {
  parts[panel] = schema(`composable/${panel}/panelcfg`, 'Options');
  if (withFields.includes(panel)) {
    parts[`${panel}.custom`] = schema(`composable/${panel}/panelcfg`, 'FieldConfig');
  }
}
parts['table.custom'] = schema('composable/table/panelcfg', 'FieldConfig');
writeFileSync('grafana.schema.json', `${JSON.stringify(parts)}\n`);
