"""What is used of Flask-Admin, as type checkers should see it: as anything.

Its annotations are those of the databases that it comes with, whose models are no models here.
"""

from __future__ import annotations

from typing import Any, cast

from flask_admin import actions, babel, form, model
from flask_admin.model import ajax, fields, filters, typefmt, widgets
from flask_admin.model import form as model_form

action: Any = cast("Any", actions.action)
gettext: Any = cast("Any", babel.gettext)
lazy_gettext: Any = cast("Any", babel.lazy_gettext)
ngettext: Any = cast("Any", babel.ngettext)
BaseForm: Any = cast("Any", form.BaseForm)
recreate_field: Any = cast("Any", form.recreate_field)
BaseModelView: Any = cast("Any", model.BaseModelView)
AjaxModelLoader: Any = cast("Any", ajax.AjaxModelLoader)
InlineFieldList: Any = cast("Any", fields.InlineFieldList)
BaseFilter: Any = cast("Any", filters.BaseFilter)
create_editable_list_form: Any = cast("Any", model_form.create_editable_list_form)
formats: Any = cast("Any", typefmt)
AjaxSelect2Widget: Any = cast("Any", widgets.AjaxSelect2Widget)
InlineFormWidget: Any = cast("Any", widgets.InlineFormWidget)
XEditableWidget: Any = cast("Any", widgets.XEditableWidget)
