/** Html: templates that make the page's elements. What is put into them is text, never markup. */
import htm from 'htm';
import { h, type VNode } from 'preact';

export type Node = VNode;

export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
