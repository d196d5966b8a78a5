import '../common/base.css';
import './curves.css';
import { CurvesPage } from './page.ts';

new CurvesPage(document.getElementById('page') ?? document.body);
